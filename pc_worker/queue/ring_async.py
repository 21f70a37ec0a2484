"""The reading side of the queue: gives entries while Redis answers, and nothing, quickly, while it does not."""

from __future__ import annotations

import time
from collections.abc import Callable

import redis.asyncio
import structlog
from redis import RedisError

from pc_worker.queue.entry import Entry
from pc_worker.queue.keys import queue_keys

log = structlog.get_logger()

#: After a failure Redis is left alone this long, so that a dead one slows no reader down more than once.
PAUSE_S = 1.0


class AsyncQueue:
    """Reads entries without consuming them. Never raises for Redis: what it cannot give is read from the log."""

    def __init__(self, client: redis.asyncio.Redis, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._clock = clock
        self._paused_until = 0.0

    async def firsts(self, domain: str, start: int, end: int) -> frozenset[int]:
        """Give the first positions, ``start`` to ``end`` inclusive, of the entries held just now."""
        if self._paused():
            return frozenset()
        try:
            members = await self._client.zrangebyscore(queue_keys(domain)[1], start, end)
        except (RedisError, OSError) as exc:
            self._pause(exc)
            return frozenset()
        return frozenset(int(member) for member in members if isinstance(member, bytes))

    async def get(self, domain: str, first: int) -> Entry | None:
        """Give the entry that starts at ``first``; None if it is not there, damaged, or Redis is away."""
        if self._paused():
            return None
        try:
            stored = await self._client.hget(queue_keys(domain)[0], str(first))
        except (RedisError, OSError) as exc:
            self._pause(exc)
            return None
        if not isinstance(stored, bytes):
            return None
        entry = Entry.from_bytes(stored)
        if entry is None or entry.domain != domain or entry.first != first:
            log.warning("queue_entry_damaged", domain=domain, first=first, bytes=len(stored))
            return None
        return entry

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    def _paused(self) -> bool:
        return self._clock() < self._paused_until

    def _pause(self, exc: Exception) -> None:
        log.warning("queue_unavailable", error=str(exc), pause_s=PAUSE_S)
        self._paused_until = self._clock() + PAUSE_S
