"""A value that many requests ask for: made once for all of them, and kept for a short time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class RecentValue(Generic[T]):
    """The result of ``make``, shared by all who ask within ``keep_s`` seconds of its start; errors are not kept.

    Args:
        make: Makes the value.
        keep_s: Seconds from the start of ``make`` on; who asks later waits for a new value.
        clock: Returns seconds; for tests.
    """

    def __init__(
        self, make: Callable[[], Awaitable[T]], *, keep_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._make, self._keep_s, self._clock = make, keep_s, clock
        self._began = 0.0
        self._task: asyncio.Task[T] | None = None

    async def get(self) -> T:
        """Return the value; one request that is cancelled does not end the work of the others.

        Raises:
            Exception: What ``make`` raises.
        """
        task = self._task
        if task is None or (task.done() and (self._clock() - self._began >= self._keep_s or _failed(task))):
            self._began = self._clock()
            task = self._task = asyncio.ensure_future(self._made())
            task.add_done_callback(_failed)  # otherwise asyncio logs an error that no caller waited for
        return await asyncio.shield(task)

    async def _made(self) -> T:
        return await self._make()


def _failed(task: asyncio.Task[T]) -> bool:
    return task.cancelled() or task.exception() is not None
