"""The hot buffer in Redis: a bounded ring per domain. The oldest positions are evicted first; reads do not consume."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import redis

from pc_worker.errors import HotBufferDamaged, Unavailable
from pc_worker.hot_buffer.dead_messages import DeadCount, count_dead
from pc_worker.hot_buffer.entry import ENTRY_BYTES, Entry
from pc_worker.hot_buffer.held_messages import count_held
from pc_worker.hot_buffer.keys import ring_keys

#: KEYS: entries, order, state. ARGV: epoch, first position, entry, bound in bytes. One script, so that the byte count
#: and the entries always agree. Entries of another epoch are useless and are deleted. A byte count that cannot be
#: right, because another program wrote to these keys, resets the ring. Returns 1 if the entry was stored.
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
#: Redis errors for keys that hold another data type or value.
NOT_A_RING = ("WRONGTYPE", "not an integer", "would overflow")


@contextmanager
def asking(domain: str) -> Iterator[None]:
    """Translate every error of Redis, or of what it holds, into one of two errors.

    Raises:
        HotBufferDamaged: If its answer is not usable.
        Unavailable: If it does not answer, or answers with an error.
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
    """Return whether an error is caused by what the keys hold, not by the server."""
    return isinstance(error, redis.ResponseError) and any(phrase in str(error) for phrase in NOT_A_RING)


class HotBuffer:
    """The newest committed chunks of each domain, at most ``max_bytes`` a domain. PostgreSQL has every row.

    Every method raises Unavailable, and nothing else, if Redis or what it holds is not usable.
    """

    def __init__(self, client: redis.Redis, *, max_bytes: int) -> None:
        self._client = client
        self._push = client.register_script(PUSH)
        self._max_bytes = max_bytes

    def push(self, entry: Entry, key: bytes | None) -> bool:
        """Store ``entry``, sealed with the domain's key, and evict the oldest over the bound.

        Return False if the entry itself is too large.

        Pushing twice stores once. Entries may come in any order. Keys of another data type are deleted first.

        Raises:
            Unavailable: If Redis does not accept it; no row is lost by continuing.
        """
        with asking(entry.domain):
            if key is None:
                raise HotBufferDamaged(f"{entry.domain} has no key to seal its queue with")
            stored = entry.to_bytes(key)
            if len(stored) > ENTRY_BYTES:
                return False
            return self._pushed(entry.domain, [str(entry.epoch), entry.first, stored, self._max_bytes])

    def dead_messages(self) -> DeadCount:
        """Count the messages that no worker could process.

        Raises:
            Unavailable: If Redis does not answer.
        """
        return count_dead(self._client)

    def held_messages(self) -> int:
        """Count the messages that wait for their ETA.

        Raises:
            Unavailable: If Redis does not answer.
        """
        return count_held(self._client)

    def _pushed(self, domain: str, arguments: list[str | int | bytes]) -> bool:
        keys = ring_keys(domain)
        try:
            return bool(self._push(keys=keys, args=arguments))
        except redis.ResponseError as exc:
            if not is_damage(exc):
                raise
        self._client.unlink(*keys)
        return bool(self._push(keys=keys, args=arguments))

    def held(self, domain: str, firsts: Sequence[int]) -> frozenset[int]:
        """Return those of ``firsts`` at which a stored entry begins.

        Raises:
            Unavailable: If Redis does not answer.
        """
        if not firsts:
            return frozenset()
        with asking(domain):  # by name, so that other members of the set do not matter
            scores = self._client.zmscore(ring_keys(domain)[1], [str(first) for first in firsts])
            return frozenset(first for first, score in zip(firsts, scores, strict=True) if score is not None)

    def get(self, domain: str, first: int, key: bytes) -> Entry | None:
        """Return the entry that starts at ``first``; None if there is none.

        Raises:
            HotBufferDamaged: If the value is not a valid entry.
            Unavailable: If Redis does not answer.
        """
        with asking(domain):
            keys, field = ring_keys(domain), str(first)
            if self._client.hstrlen(keys[0], field) > ENTRY_BYTES:
                raise HotBufferDamaged(f"what Redis holds of {domain} at {first} is too large to be an entry")
            stored = self._client.hget(keys[0], field)
            return checked_entry(Entry.from_bytes(stored, key), domain, first) if isinstance(stored, bytes) else None

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def clear(self, domain: str) -> None:
        """Delete all entries of ``domain``.

        Raises:
            Unavailable: If Redis does not answer.
        """
        with asking(domain):
            self._client.unlink(*ring_keys(domain))

    def depth(self, domain: str) -> tuple[int, int]:
        """Return the number of stored entries of ``domain``, and their bytes.

        Raises:
            Unavailable: If Redis does not answer.
        """
        _, order, state = ring_keys(domain)
        with asking(domain):
            return int(self._client.zcard(order)), int(self._client.hget(state, "bytes") or 0)

    def oldest(self, domain: str) -> int | None:
        """Return the first position of the oldest stored entry of ``domain``; None if there is none.

        Raises:
            Unavailable: If Redis does not answer.
        """
        with asking(domain):
            members = self._client.zrange(ring_keys(domain)[1], 0, 0)
            return None if not members else _position(members[0])

    def newest(self, domain: str) -> int | None:
        """Return the first position of the newest stored entry of ``domain``; None if there is none.

        Raises:
            Unavailable: If Redis does not answer.
        """
        _, order, _ = ring_keys(domain)
        with asking(domain):
            members = self._client.zrange(order, -1, -1)
            return None if not members else _position(members[0])


def _position(member: object) -> int:
    position = int(member) if isinstance(member, bytes) else 0
    if not 0 < position < 2**63:
        raise ValueError(f"{str(member)[:40]} is no position")
    return position


def checked_entry(entry: Entry | None, domain: str, first: int) -> Entry:
    """Return ``entry`` if it is valid and belongs to this domain and position.

    Raises:
        HotBufferDamaged: If it is not.
    """
    if entry is None or (entry.domain, entry.first) != (domain, first):
        raise HotBufferDamaged(f"what Redis holds of {domain} at {first} is not an entry with our seal")
    return entry
