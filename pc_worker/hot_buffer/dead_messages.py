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
#: What is added to the name of a key that has the place of the list and is none.
NO_LIST = "no_list"

# KEYS: the list, the count, the new name of what is no list. ARGV: the entry, the index of the last one that is kept.
# At maxmemory, commands that need memory are rejected unless the script has written before: so it trims first.
INSERT = """
local kind = redis.call('TYPE', KEYS[1]).ok
if kind ~= 'list' and kind ~= 'none' then redis.call('RENAME', KEYS[1], KEYS[3]) end
redis.call('LTRIM', KEYS[1], 0, ARGV[2])
redis.call('LPUSH', KEYS[1], ARGV[1])
redis.call('LTRIM', KEYS[1], 0, ARGV[2])
if type(redis.pcall('INCR', KEYS[2])) == 'table' then redis.call('SET', KEYS[2], 1) end
"""


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
    """Insert an invalid message into the list of dead messages, also if Redis is at maxmemory.

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
    client.eval(INSERT, 3, KEY, SEEN_KEY, f"{KEY}:{NO_LIST}", json.dumps(asdict(dead)), str(MAX_KEPT - 1))


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
