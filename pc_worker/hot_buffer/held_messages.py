"""Messages with an ETA: they wait in Redis, ordered by it, and not in the memory of a worker."""

from __future__ import annotations

import redis

from pc_worker.errors import Unavailable
from pc_worker.hot_buffer.dead_messages import insert_dead_message

#: Member: the queue's name, a line break, the message. Score: the ETA, Unix time.
KEY = "pcw:held_messages"
#: Released by one call, so that many due messages do not block Redis.
AT_ONCE = 500

# At maxmemory, a command that needs memory is rejected unless the script has written before.
HOLD = """
redis.call('ZREM', KEYS[1], ARGV[2])
redis.call('ZADD', KEYS[1], ARGV[1], ARGV[2])
"""
# An entry of another program, or one whose queue does not accept it, must not block those after it. Returns how many
# were due, the ETA of the next, and those entries.
RELEASE = """
local due = redis.call('ZRANGE', KEYS[1], '-inf', ARGV[1], 'BYSCORE', 'LIMIT', 0, ARGV[2])
local refused = {}
for _, entry in ipairs(due) do
  redis.call('ZREM', KEYS[1], entry)
  local cut = string.find(entry, '\\n', 1, true)
  local pushed = cut and redis.pcall('LPUSH', string.sub(entry, 1, cut - 1), string.sub(entry, cut + 1))
  if type(pushed) ~= 'number' then
    redis.call('ZADD', KEYS[1], ARGV[1], entry)
    table.insert(refused, entry)
  end
end
return {#due, redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2] or false, refused}
"""
REFUSED = "it waited for its ETA, and its queue does not accept it"


def hold(client: redis.Redis, message: str, *, queue: str, due: float) -> None:
    """Keep a message until ``due``, also if Redis is at maxmemory: the message leaves its queue for it.

    Raises:
        redis.RedisError: If Redis does not accept it.
    """
    client.eval(HOLD, 1, KEY, str(due), f"{queue}\n{message}")


def release(client: redis.Redis, *, now: float) -> float | None:
    """Put the messages that are due into their queues; return the ETA of the next one, None if there is none.

    What no queue accepts becomes a dead message.

    Raises:
        redis.RedisError: If Redis does not answer.
    """
    while True:
        released, following, refused = client.eval(RELEASE, 1, KEY, str(now), str(AT_ONCE))
        for entry in refused:
            _remove(client, entry)
        if not refused and int(released) < AT_ONCE:
            return None if following is None else float(following)


def _remove(client: redis.Redis, entry: bytes) -> None:
    """Make an entry a dead message; only then is it removed."""
    queue, _, message = entry.partition(b"\n")
    named = queue.decode(errors="backslashreplace")
    insert_dead_message(client, message or queue, queue=named if message else KEY, reason=REFUSED)
    client.zrem(KEY, entry)


def count_held(client: redis.Redis) -> int:
    """Count the waiting messages.

    Raises:
        Unavailable: If Redis does not answer.
    """
    try:
        return int(client.zcard(KEY))
    except redis.RedisError as exc:
        raise Unavailable(f"Redis does not answer: {exc}") from exc
