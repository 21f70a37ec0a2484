"""Messages that no worker can process: removed from their queue and kept in a bounded list for inspection."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from dataclasses import asdict, dataclass

import redis

from pc_worker.errors import Unavailable

#: Newest first; the oldest are dropped.
KEY = "pcw:dead_messages"
SEEN_KEY = "pcw:dead_messages:seen"
MAX_KEPT = 200
#: Kept of each message: enough to identify its sender.
MAX_BYTES = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadMessage:
    """An invalid message: its queue, the reason, its size in bytes, its beginning as text, and when it was removed."""

    queue: str
    reason: str
    size: int
    beginning: str
    refused_at: float


@dataclass(frozen=True, slots=True)
class DeadCount:
    """How many dead messages are kept, and how many there were since the list was last deleted."""

    kept: int
    seen: int


def insert_dead_message(client: redis.Redis, message: bytes, *, queue: str, reason: str) -> None:
    """Insert an invalid message into the list of dead messages.

    Raises:
        redis.RedisError: If Redis does not accept it.
    """
    dead = DeadMessage(
        queue=queue,
        reason=reason,
        size=len(message),
        beginning=message[:MAX_BYTES].decode(errors="backslashreplace"),
        refused_at=time.time(),
    )
    with client.pipeline() as pipe:
        pipe.lpush(KEY, json.dumps(asdict(dead)))
        pipe.ltrim(KEY, 0, MAX_KEPT - 1)
        pipe.incr(SEEN_KEY)
        pipe.execute()


def count_dead(client: redis.Redis) -> DeadCount:
    """Count the dead messages.

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
    """Return the newest dead messages; entries of another program are skipped."""
    found = []
    for entry in client.lrange(KEY, 0, limit - 1):
        with suppress(ValueError, TypeError):
            found.append(DeadMessage(**json.loads(entry)))
    return found


def is_away(error: BaseException) -> bool:
    """Return whether an error was caused by the broker or the network, not by a message."""
    return isinstance(error, (OSError, redis.RedisError)) and not isinstance(error, redis.DataError)
