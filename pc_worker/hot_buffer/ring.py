"""The queue in Redis: a bounded ring per domain, the oldest positions fall out first, reads do not consume."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import redis

from pc_worker.errors import HotBufferDamaged, Unavailable
from pc_worker.hot_buffer.dead_messages import DeadCount, count_dead
from pc_worker.hot_buffer.entry import ENTRY_BYTES, Entry
from pc_worker.hot_buffer.held_messages import count_held
from pc_worker.hot_buffer.keys import queue_keys

#: KEYS: entries, order, state. ARGV: epoch, first position, entry, bound in bytes. One script, so that bytes and
#: entries never disagree. Entries of another epoch are useless and go at once. Bytes that cannot be right, as somebody
#: else wrote here, start the ring anew. Answers 1 if the entry was stored.
PUSH = """
local entries, order, state = KEYS[1], KEYS[2], KEYS[3]
local epoch, first, entry, bound = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local function begin()
  redis.call('UNLINK', entries, order, state)
  redis.call('HSET', state, 'epoch', epoch, 'bytes', 0)
end
if redis.call('HGET', state, 'epoch') ~= epoch then begin() end
if #entry > bound then return 0 end
local before = redis.call('HSTRLEN', entries, first)
if redis.call('HINCRBY', state, 'bytes', -before) < 0 then begin() end
redis.call('HSET', entries, first, entry)
redis.call('ZADD', order, first, first)
local held = redis.call('HINCRBY', state, 'bytes', #entry)
while held > bound do
  local oldest = redis.call('ZPOPMIN', order)[1]
  if not oldest then begin() break end
  held = redis.call('HINCRBY', state, 'bytes', -redis.call('HSTRLEN', entries, oldest))
  redis.call('HDEL', entries, oldest)
end
return redis.call('HEXISTS', entries, first)
"""
#: What Redis says of keys that hold something else than a queue.
NO_QUEUE = ("WRONGTYPE", "not an integer", "would overflow")


@contextmanager
def asking(domain: str) -> Iterator[None]:
    """Turn whatever asking Redis raises into two errors: nobody beyond needs to know what can go wrong with it.

    Raises:
        HotBufferDamaged: If it answers with what cannot be used.
        Unavailable: If it does not answer, or refuses to.
    """
    try:
        yield
    except Unavailable:
        raise
    except (redis.RedisError, OSError) as exc:
        if not is_damage(exc):
            raise Unavailable(f"the queue of {domain} does not answer: {exc}") from exc
        raise HotBufferDamaged(f"what Redis holds of {domain} is no queue: {exc}") from exc
    except Exception as exc:
        raise HotBufferDamaged(f"what Redis holds of {domain} is no queue ({type(exc).__name__}: {exc})") from exc


def is_damage(error: Exception) -> bool:
    """Say whether the keys are at fault, not the server."""
    return isinstance(error, redis.ResponseError) and any(words in str(error) for words in NO_QUEUE)


class Queue:
    """A domain's newest committed chunks, at most ``max_bytes`` a domain; losing any of it loses nothing.

    Every method raises Unavailable, and nothing else, for whatever is wrong with Redis or with what it holds.
    """

    def __init__(self, client: redis.Redis, *, max_bytes: int) -> None:
        self._client = client
        self._push = client.register_script(PUSH)
        self._max_bytes = max_bytes

    def push(self, entry: Entry, key: bytes | None) -> bool:
        """Store ``entry``, sealed with the domain's key, dropping the oldest over the bound; False = it has no room.

        Pushing twice stores once. Entries may come in any order. What is no queue is removed first.

        Raises:
            Unavailable: If Redis does not take it; nothing is lost by going on.
        """
        with asking(entry.domain):
            if key is None:
                raise HotBufferDamaged(f"{entry.domain} has no key to seal its queue with")
            stored = entry.to_bytes(key)
            if len(stored) > ENTRY_BYTES:
                return False
            return self._pushed(entry.domain, [str(entry.epoch), entry.first, stored, self._max_bytes])

    def dead_messages(self) -> DeadCount:
        """Count the messages that no worker could take in.

        Raises:
            Unavailable: If Redis does not answer.
        """
        return count_dead(self._client)

    def held_messages(self) -> int:
        """Count the messages that wait for their time.

        Raises:
            Unavailable: If Redis does not answer.
        """
        return count_held(self._client)

    def _pushed(self, domain: str, arguments: list[str | int | bytes]) -> bool:
        keys = queue_keys(domain)
        try:
            return bool(self._push(keys=keys, args=arguments))
        except redis.ResponseError as exc:
            if not is_damage(exc):
                raise
        self._client.unlink(*keys)
        return bool(self._push(keys=keys, args=arguments))

    def held(self, domain: str, firsts: Sequence[int]) -> frozenset[int]:
        """Give those of ``firsts`` at which an entry begins that is held just now.

        Raises:
            Unavailable: If Redis does not answer.
        """
        if not firsts:
            return frozenset()
        with asking(domain):  # by name: what else may lie between them is not looked at
            scores = self._client.zmscore(queue_keys(domain)[1], [str(first) for first in firsts])
            return frozenset(first for first, score in zip(firsts, scores, strict=True) if score is not None)

    def get(self, domain: str, first: int, key: bytes) -> Entry | None:
        """Give the entry that starts at ``first``; None if it is not there.

        Raises:
            HotBufferDamaged: If what is there is not an entry of ours.
            Unavailable: If Redis does not answer.
        """
        with asking(domain):
            keys, field = queue_keys(domain), str(first)
            if self._client.hstrlen(keys[0], field) > ENTRY_BYTES:
                raise HotBufferDamaged(f"what Redis holds of {domain} at {first} is too large to be an entry")
            stored = self._client.hget(keys[0], field)
            return checked_entry(Entry.from_bytes(stored, key), domain, first) if isinstance(stored, bytes) else None

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def clear(self, domain: str) -> None:
        """Drop everything the queue holds of ``domain``.

        Raises:
            Unavailable: If Redis does not answer.
        """
        with asking(domain):
            self._client.unlink(*queue_keys(domain))

    def depth(self, domain: str) -> tuple[int, int]:
        """Give the entries and bytes held of ``domain``.

        Raises:
            Unavailable: If Redis does not answer.
        """
        _, order, state = queue_keys(domain)
        with asking(domain):
            return int(self._client.zcard(order)), int(self._client.hget(state, "bytes") or 0)

    def oldest(self, domain: str) -> int | None:
        """Give the first position of the oldest entry held of ``domain``; None if there is none.

        Raises:
            Unavailable: If Redis does not answer.
        """
        with asking(domain):
            members = self._client.zrange(queue_keys(domain)[1], 0, 0)
            return None if not members else _position(members[0])

    def newest(self, domain: str) -> int | None:
        """Give the first position of the newest entry held of ``domain``; None if there is none.

        Raises:
            Unavailable: If Redis does not answer.
        """
        _, order, _ = queue_keys(domain)
        with asking(domain):
            members = self._client.zrange(order, -1, -1)
            return None if not members else _position(members[0])


def _position(member: object) -> int:
    position = int(member) if isinstance(member, bytes) else 0
    if not 0 < position < 2**63:
        raise ValueError(f"{str(member)[:40]} is no position")
    return position


def checked_entry(entry: Entry | None, domain: str, first: int) -> Entry:
    """Give ``entry`` if it is whole, ours, and stands where it belongs.

    Raises:
        HotBufferDamaged: If it is not.
    """
    if entry is None or (entry.domain, entry.first) != (domain, first):
        raise HotBufferDamaged(f"what Redis holds of {domain} at {first} is not an entry with our seal")
    return entry
