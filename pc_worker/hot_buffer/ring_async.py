"""The hot buffer for an event loop: returns entries while Redis answers, and None without delay while it does not."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar
from weakref import WeakValueDictionary

from pc_worker.errors import HotBufferDamaged
from pc_worker.hot_buffer.entry import Entry
from pc_worker.hot_buffer.metrics import UNUSABLE
from pc_worker.hot_buffer.ring import HotBuffer
from pc_worker.logs import get_logger

log = get_logger(__name__)

T = TypeVar("T")

#: Pause after a failure, so that an unavailable Redis delays a reader only once; each further failure doubles it.
PAUSE_S, LONGEST_PAUSE_S = 1.0, 8.0
#: An entry is at most a few MB, and Redis is near: slower than this counts as away.
ANSWER_S = 3.0
#: Failures are logged at most this often; the metric counts them all.
TOLD_EVERY_S = 60.0
#: Reading megabytes in threads leaves the event loop to its clients: measured 1.4 times as fast as in the loop.
THREADS = 2


class AsyncHotBuffer:
    """Reads entries without consuming them. Never raises for a failure of Redis or for what it holds.

    What is not available here is read from the log in PostgreSQL.
    """

    def __init__(self, queue: HotBuffer, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._queue, self._clock = queue, clock
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="queue")
        self._pause_s, self._paused_until = PAUSE_S, 0.0
        self._told: dict[tuple[str, str], float] = {}
        #: Entries that some reader still uses: all readers of the same rows share their bytes.
        self._read: WeakValueDictionary[tuple[str, int, int], Entry] = WeakValueDictionary()

    async def held(self, domain: str, firsts: Sequence[int]) -> frozenset[int]:
        """Return those of ``firsts`` at which a stored entry begins."""
        found = await self._ask(domain, lambda: self._queue.held(domain, firsts))
        return frozenset() if found is None else found

    async def get(self, domain: str, first: int, nonce: int, key: bytes | None) -> Entry | None:
        """Return the entry that starts at ``first`` and has this nonce, from Redis or from another reader here.

        None if there is none, if its nonce or seal does not match, or if Redis is unavailable.
        """
        if key is None:
            return None
        place = (domain, first, nonce)
        entry = self._read.get(place) or await self._ask(domain, lambda: self._queue.get(domain, first, key))
        if entry is None or entry.nonce != nonce:
            return None
        return self._read.setdefault(place, entry)

    def close(self) -> None:
        """Close the connections and let the threads end."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._queue.close()

    async def _ask(self, domain: str, question: Callable[[], T]) -> T | None:
        """Ask Redis; return None after any failure, and during the pause that follows one."""
        if self._clock() < self._paused_until:
            return None
        try:
            async with asyncio.timeout(ANSWER_S):
                answer = await asyncio.get_running_loop().run_in_executor(self._threads, _answer, question)
        except TimeoutError:
            answer = TimeoutError(f"it takes longer than {ANSWER_S:g} s")
        if isinstance(answer, Exception):
            self._note(domain, answer)
            return None
        self._pause_s = PAUSE_S
        return answer

    def _note(self, domain: str, error: Exception) -> None:
        reason = "damaged" if isinstance(error, HotBufferDamaged) else "away"
        UNUSABLE.labels(domain, reason).inc()
        now = self._clock()
        if reason == "away" and now >= self._paused_until:  # else it is the same failure, of a question asked before
            self._paused_until = now + self._pause_s
            self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
        if now >= self._told.get((domain, reason), now):
            self._told[domain, reason] = now + TOLD_EVERY_S
            log.warning("queue_unusable", domain=domain, reason=reason, error=str(error)[:300])


def _answer(question: Callable[[], T]) -> T | Exception:
    # Returned, not raised: a StopIteration raised in a thread never reaches the coroutine that awaits it.
    try:
        return question()
    except Exception as exc:
        return exc
