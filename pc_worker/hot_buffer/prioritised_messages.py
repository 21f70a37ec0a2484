"""Messages that were sent with a priority: a client of kombu puts them in their own lists, which no worker reads.

Fairness comes from the queues, so priorities have no effect here. But no message may wait without end.
"""

from __future__ import annotations

from collections.abc import Iterable

import redis

#: What kombu puts between the name of a queue and a priority. Its own steps are 3, 6 and 9; clients may set others.
SEPARATOR, PRIORITIES = "\x06\x16", range(1, 10)
#: Messages of one list that are moved at once, so that many of them do not block Redis.
AT_ONCE = 500

# KEYS: lists in pairs, from and to. What is no list of messages stays where it is.
MOVE = """
for pair = 1, #KEYS, 2 do
  for _ = 1, tonumber(ARGV[1]) do
    if type(redis.pcall('RPOPLPUSH', KEYS[pair], KEYS[pair + 1])) ~= 'string' then break end
  end
end
"""


def gather_prioritised(client: redis.Redis, queues: Iterable[str]) -> None:
    """Move the messages with a priority to the ends of their ``queues``.

    Raises:
        redis.RedisError: If Redis does not answer.
    """
    pairs = [key for queue in queues for step in PRIORITIES for key in (f"{queue}{SEPARATOR}{step}", queue)]
    client.eval(MOVE, len(pairs), *pairs, str(AT_ONCE))
