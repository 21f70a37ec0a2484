"""Messages that no worker can take in: taken off their queue, and kept in a bounded list for somebody to look at."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from dataclasses import asdict, dataclass

import redis

from pc_worker.errors import Unavailable

#: Newest first; what falls off its end is gone.
KEY = "pcw:dead_messages"
SEEN_KEY = "pcw:dead_messages:seen"
MOST_KEPT = 200
#: Of each message: enough to tell who sent it.
MOST_BYTES = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadMessage:
    """A message that was refused: where it stood, why, how long it was, and its beginning as text."""

    queue: str
    reason: str
    size: int
    beginning: str
    refused_at: float


@dataclass(frozen=True, slots=True)
class DeadCount:
    """How many dead messages are kept, and how many there ever were since the list was last deleted."""

    kept: int
    seen: int


def bury(client: redis.Redis, message: bytes, *, queue: str, reason: str) -> None:
    """Keep a refused message.

    Raises:
        redis.RedisError: If Redis does not take it.
    """
    dead = DeadMessage(
        queue=queue,
        reason=reason,
        size=len(message),
        beginning=message[:MOST_BYTES].decode(errors="backslashreplace"),
        refused_at=time.time(),
    )
    with client.pipeline() as pipe:
        pipe.lpush(KEY, json.dumps(asdict(dead)))
        pipe.ltrim(KEY, 0, MOST_KEPT - 1)
        pipe.incr(SEEN_KEY)
        pipe.execute()


def count_dead(client: redis.Redis) -> DeadCount:
    """Count them.

    Raises:
        Unavailable: If Redis does not answer.
    """
    try:
        with client.pipeline() as pipe:
            pipe.llen(KEY)
            pipe.get(SEEN_KEY)
            kept, seen = pipe.execute()
    except redis.RedisError as exc:
        raise Unavailable(f"Redis does not answer: {exc}") from exc
    return DeadCount(kept=int(kept), seen=int(seen or 0))


def newest_dead(client: redis.Redis, *, limit: int = 10) -> list[DeadMessage]:
    """Give the newest ones; an entry of somebody else's is left out."""
    found = []
    for entry in client.lrange(KEY, 0, limit - 1):
        with suppress(ValueError, TypeError):
            found.append(DeadMessage(**json.loads(entry)))
    return found


def is_away(error: BaseException) -> bool:
    """Tell whether an error is the broker's or the network's, and no message's."""
    return isinstance(error, (OSError, redis.RedisError)) and not isinstance(error, redis.DataError)
