"""Wait a limited time for work that cannot be interrupted."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import TypeVar

from pc_worker.encoding.rerank.failures import RerankFailed

Result = TypeVar("Result")


class TimeBox:
    """Runs work in threads, ``width`` at most; threads that are late end by themselves and hold up no process.

    Attributes:
        timeout_s: Seconds that work may take, with its wait for a thread.
    """

    def __init__(self, *, timeout_s: float, width: int) -> None:
        self.timeout_s = timeout_s
        self._free = threading.BoundedSemaphore(width)

    def run(self, work: Callable[[float], Result]) -> Result:
        """Return what ``work`` returns; it is called with the time at which it should end, of the monotonic clock.

        Raises:
            RerankFailed: If it takes too long, finds no thread, or failed in a way that it did not expect.
        """
        ends_at = time.monotonic() + self.timeout_s
        late = RerankFailed(f"it was not done within {self.timeout_s:g} s")
        if not self._free.acquire(timeout=self.timeout_s):
            raise late
        done: SimpleQueue[Result | BaseException] = SimpleQueue()
        try:
            threading.Thread(target=self._work, args=(work, ends_at, done), name="rerank", daemon=True).start()
        except RuntimeError as exc:  # the system has no thread for it, so none will return the place
            self._free.release()
            raise RerankFailed("there is no thread for it") from exc
        try:
            outcome = done.get(timeout=max(0.0, ends_at - time.monotonic()))
        except Empty:
            raise late from None
        if isinstance(outcome, RerankFailed):
            raise outcome
        if isinstance(outcome, BaseException):
            raise RerankFailed(f"it failed unexpectedly ({type(outcome).__name__})") from outcome
        return outcome

    def _work(self, work: Callable[[float], Result], ends_at: float, done: SimpleQueue[Result | BaseException]) -> None:
        try:
            done.put(work(ends_at))
        except BaseException as exc:  # reported to the caller, if it still waits
            done.put(exc)
        finally:
            self._free.release()
