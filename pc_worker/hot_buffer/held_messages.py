"""Messages that may begin later: they wait in Redis, in the order of their time, and in no worker's memory."""

from __future__ import annotations

import redis

from pc_worker.errors import Unavailable

#: Member: the queue's name, a line break, the message. Score: when it may begin, Unix time.
KEY = "pcw:held_messages"
#: At once, so that a crowd of due messages does not hold Redis up.
AT_ONCE = 500

# An entry that is none of ours, or whose queue cannot take it, is dropped: it must not stop those behind it.
# Answers how many were due, and the time of the next.
RELEASE = """
local due = redis.call('ZRANGE', KEYS[1], '-inf', ARGV[1], 'BYSCORE', 'LIMIT', 0, ARGV[2])
for _, entry in ipairs(due) do
  redis.call('ZREM', KEYS[1], entry)
  local cut = string.find(entry, '\\n', 1, true)
  if cut then redis.pcall('LPUSH', string.sub(entry, 1, cut - 1), string.sub(entry, cut + 1)) end
end
return {#due, redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2]}
"""


def hold(client: redis.Redis, message: str, *, queue: str, due: float) -> None:
    """Keep a message until ``due``.

    Raises:
        redis.RedisError: If Redis does not take it.
    """
    client.zadd(KEY, {f"{queue}\n{message}": due})


def release(client: redis.Redis, *, now: float) -> float | None:
    """Put the messages whose time has come back into their queues; give the time of the next one.

    Raises:
        redis.RedisError: If Redis does not answer.
    """
    while True:
        released, *following = client.eval(RELEASE, 1, KEY, str(now), str(AT_ONCE))
        if int(released) < AT_ONCE:
            return float(following[0]) if following else None


def count_held(client: redis.Redis) -> int:
    """Count them.

    Raises:
        Unavailable: If Redis does not answer.
    """
    try:
        return int(client.zcard(KEY))
    except redis.RedisError as exc:
        raise Unavailable(f"Redis does not answer: {exc}") from exc
