"""What a user of Redis must be allowed to do: with a right missing, a component would fail at its first use."""

from __future__ import annotations

from typing import Any

import redis

from pc_worker.errors import NotServable, Unavailable

#: One harmless use of every right: each pattern of keys, each kind of command. The keys do not exist.
USES: tuple[tuple[str, ...], ...] = (
    ("LREM", "pcw.none", "0", "none"),
    ("HDEL", "pcw:none", "none"),
    ("HDEL", "unacked", "none"),
    ("ZREM", "unacked_index", "none"),
    ("GET", "unacked_mutex"),
    ("LREM", "celery", "0", "none"),
    ("SREM", "_kombu.binding.none", "none"),
    ("DEL", "celery-task-meta-none"),
    ("LREM", "none.reply.celery.pidbox", "0", "none"),
    ("PUBLISH", "pcw.none", ""),
    ("EVAL", "return redis.call('EXISTS', KEYS[1])", "1", "pcw:none"),
    ("SCRIPT EXISTS", "none"),
)
#: Few rights that are enough, in Redis's own words.
ENOUGH = "~pcw* ~celery* ~unacked* ~_kombu* ~*.celery.pidbox* &* +@all -@admin -@dangerous +info"
#: Parts, in lower case, of Redis's errors for a command that is denied, renamed or disabled.
REFUSED = ("noperm", "no permission", "unknown command")


def check_rights(client: redis.Redis) -> str:
    """Check that this user may use Redis as the components do.

    Raises:
        Unavailable: If Redis does not answer.
        NotServable: If a command, a key or a channel is denied to the user, or a command is disabled.
    """
    try:
        with client.pipeline(transaction=False) as uses:
            for use in USES:
                uses.execute_command(*use)  # type: ignore[no-untyped-call]
            _check(uses.execute(raise_on_error=False))
        with client.client() as single:  # type: ignore[no-untyped-call]
            single.execute_command("MULTI")
            single.execute_command("DISCARD")
        _listen(client)
    except redis.ResponseError as exc:
        _check([exc])
        raise Unavailable(f"Redis does not answer: {exc}") from exc
    except (redis.RedisError, OSError) as exc:
        raise Unavailable(f"Redis does not answer: {exc}") from exc
    return "all that are needed"


def _listen(client: redis.Redis) -> None:
    """Listen as a worker does for calls to all workers: the pattern itself must be allowed."""
    database = client.connection_pool.connection_kwargs.get("db", 0)
    with client.pubsub() as listener:  # type: ignore[no-untyped-call]  # redis-py's types lack it
        listener.psubscribe(f"/{database}.celery.pidbox")
        listener.get_message(timeout=5)


def is_denied(answer: object) -> bool:
    """Return whether Redis says that a command, a key or a channel is denied, or that a command is disabled."""
    text = str(answer).lower()
    return isinstance(answer, redis.ResponseError) and any(words in text for words in REFUSED)


def _check(answers: list[Any]) -> None:
    for answer in filter(is_denied, answers):
        raise NotServable(
            f"Redis denies what the broker needs ({answer}): enable it, or allow it as with ACL SETUSER NAME {ENOUGH}"
        )
