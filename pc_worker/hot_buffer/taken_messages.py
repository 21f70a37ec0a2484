"""Messages that were taken from their queue: recorded as unacknowledged, or put back, also on a full server.

A server at maxmemory rejects commands that need memory, but not those that take a message from its queue: the message
would be lost. A script is not rejected after its first write, and removing what is not there is such a write. The
memory of the message has just become free.
"""

from __future__ import annotations

import time

import redis

# KEYS: by time, by tag. ARGV: the tag, the time, the message.
RECORD = """
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
"""
# KEYS: the queue. ARGV: the message. All of the list is kept.
PUT_BACK = """
redis.call('LTRIM', KEYS[1], 0, -1)
redis.call('RPUSH', KEYS[1], ARGV[1])
"""


def record_taken(client: redis.Redis, tag: str, message: bytes | str, *, times: str, messages: str) -> None:
    """Record a message as taken and not acknowledged.

    Args:
        client: The broker.
        tag: The message's delivery tag.
        message: What the broker's transport puts back if the worker ends.
        times: The key of the tags by time.
        messages: The key of the messages by tag.

    Raises:
        redis.RedisError: If Redis does not accept it.
    """
    client.eval(RECORD, 2, times, messages, tag, str(time.time()), message)


def put_back(client: redis.Redis, message: bytes, *, queue: str) -> None:
    """Put a message back to the end of its queue from which it was taken.

    Raises:
        redis.RedisError: If Redis does not accept it.
    """
    client.eval(PUT_BACK, 1, queue, message)
