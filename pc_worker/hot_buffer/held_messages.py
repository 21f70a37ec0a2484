"""Messages with an ETA: they wait in Redis, ordered by it, and not in the memory of a worker."""

from __future__ import annotations

import redis

from pc_worker.errors import Unavailable

#: Member: the queue's name, a line break, the message. Score: the ETA, Unix time.
KEY = "pcw:held_messages"
#: Released by one call, so that many due messages do not block Redis.
AT_ONCE = 500

# An entry of another program, or one whose queue does not accept it, is deleted: it must not block those after it.
# Returns how many were due, and the ETA of the next.
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
        redis.RedisError: If Redis does not accept it.
    """
    client.zadd(KEY, {f"{queue}\n{message}": due})


def release(client: redis.Redis, *, now: float) -> float | None:
    """Put the messages that are due into their queues; return the ETA of the next one, None if there is none.

    Raises:
        redis.RedisError: If Redis does not answer.
    """
    while True:
        released, *following = client.eval(RELEASE, 1, KEY, str(now), str(AT_ONCE))
        if int(released) < AT_ONCE:
            return float(following[0]) if following else None


def count_held(client: redis.Redis) -> int:
    """Count the waiting messages.

    Raises:
        Unavailable: If Redis does not answer.
    """
    try:
        return int(client.zcard(KEY))
    except redis.RedisError as exc:
        raise Unavailable(f"Redis does not answer: {exc}") from exc
