"""The queue in Redis: a bounded ring per domain, the oldest positions fall out first, reads do not consume."""

from __future__ import annotations

import redis

from pc_worker.errors import Unavailable
from pc_worker.logs import get_logger
from pc_worker.queue.entry import Entry
from pc_worker.queue.keys import queue_keys

log = get_logger(__name__)

#: KEYS: entries, order, state. ARGV: epoch, first position, entry, bound in bytes. One script, so that bytes and
#: entries never disagree. Entries of another epoch are useless and go at once. Answers 1 if the entry was stored.
PUSH = """
local entries, order, state = KEYS[1], KEYS[2], KEYS[3]
local epoch, first, entry, bound = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
if redis.call('HGET', state, 'epoch') ~= epoch then
  redis.call('UNLINK', entries, order, state)
  redis.call('HSET', state, 'epoch', epoch, 'bytes', 0)
end
if #entry > bound then return 0 end
local before = redis.call('HSTRLEN', entries, first)
redis.call('HSET', entries, first, entry)
redis.call('ZADD', order, first, first)
local held = redis.call('HINCRBY', state, 'bytes', #entry - before)
while held > bound do
  local oldest = redis.call('ZPOPMIN', order)[1]
  if not oldest then break end
  held = redis.call('HINCRBY', state, 'bytes', -redis.call('HSTRLEN', entries, oldest))
  redis.call('HDEL', entries, oldest)
end
return redis.call('HEXISTS', entries, first)
"""


class Queue:
    """A domain's newest committed chunks, at most ``max_bytes`` a domain; losing any of it loses nothing."""

    def __init__(self, client: redis.Redis, *, max_bytes: int) -> None:
        self._client = client
        self._push = client.register_script(PUSH)
        self._max_bytes = max_bytes

    def push(self, entry: Entry) -> bool:
        """Store ``entry``, dropping the oldest ones over the bound; False if it found no room itself.

        Pushing twice stores once. Entries may come in any order.

        Raises:
            Unavailable: If Redis does not take it; nothing is lost by going on.
        """
        try:
            return bool(self._push(keys=queue_keys(entry.domain), args=self._arguments(entry)))
        except redis.RedisError as exc:
            raise Unavailable(f"the queue of {entry.domain} took no entry: {exc}") from exc

    def firsts(self, domain: str, start: int, end: int) -> frozenset[int]:
        """Give the first positions, ``start`` to ``end`` inclusive, of the entries held just now.

        Raises:
            Unavailable: If Redis does not answer.
        """
        try:
            members = self._client.zrangebyscore(queue_keys(domain)[1], start, end)
        except redis.RedisError as exc:
            raise Unavailable(f"the queue of {domain} does not answer: {exc}") from exc
        return frozenset(int(member) for member in members if isinstance(member, bytes))

    def get(self, domain: str, first: int) -> Entry | None:
        """Give the entry that starts at ``first``; None if it is not there or damaged.

        Raises:
            Unavailable: If Redis does not answer.
        """
        try:
            stored = self._client.hget(queue_keys(domain)[0], str(first))
        except redis.RedisError as exc:
            raise Unavailable(f"the queue of {domain} does not answer: {exc}") from exc
        return checked_entry(Entry.from_bytes(stored), domain, first) if isinstance(stored, bytes) else None

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _arguments(self, entry: Entry) -> list[str | int | bytes]:
        return [str(entry.epoch), entry.first, entry.to_bytes(), self._max_bytes]

    def clear(self, domain: str) -> None:
        """Drop everything the queue holds of ``domain``.

        Raises:
            Unavailable: If Redis does not answer.
        """
        try:
            self._client.unlink(*queue_keys(domain))
        except redis.RedisError as exc:
            raise Unavailable(f"the queue of {domain} cannot be cleared: {exc}") from exc

    def depth(self, domain: str) -> tuple[int, int]:
        """Give the entries and bytes held of ``domain``.

        Raises:
            Unavailable: If Redis does not answer.
        """
        _, order, state = queue_keys(domain)
        try:
            entries = self._client.zcard(order)
            held = self._client.hget(state, "bytes")
        except redis.RedisError as exc:
            raise Unavailable(f"the queue of {domain} does not answer: {exc}") from exc
        return int(entries), int(held or 0)

    def oldest(self, domain: str) -> int | None:
        """Give the first position of the oldest entry held of ``domain``; None if there is none.

        Raises:
            Unavailable: If Redis does not answer.
        """
        try:
            members = self._client.zrange(queue_keys(domain)[1], 0, 0)
        except redis.RedisError as exc:
            raise Unavailable(f"the queue of {domain} does not answer: {exc}") from exc
        return next((int(member) for member in members if isinstance(member, bytes)), None)


def checked_entry(entry: Entry | None, domain: str, first: int) -> Entry | None:
    """Give ``entry`` if it is whole and stands where it belongs; None, and a word about it, if not."""
    if entry is None or (entry.domain, entry.first) != (domain, first):
        log.warning("queue_entry_damaged", domain=domain, first=first)
        return None
    return entry
