"""Reading ahead: the next reads run while the present one is used, in order, and can be discarded."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Generic, TypeVar

S = TypeVar("S")
T = TypeVar("T")


class ReadAhead(Generic[S, T]):
    """The results of ``read(step)`` for each of ``steps``, with at most ``depth`` reads in advance.

    The depth grows from 0 with the number of results taken: a client that freezes at its start, when the transport's
    buffers accept the first message, costs one read.
    """

    def __init__(self, steps: Sequence[S], read: Callable[[S], Coroutine[Any, Any, T]], *, depth: int) -> None:
        self._steps, self._read, self._depth = steps, read, depth
        self._taken = 0
        self._running: deque[asyncio.Task[T]] = deque()

    async def take(self) -> tuple[S, T] | None:
        """Return the next step and its result; None after the last.

        Raises:
            Exception: What that read raised.
        """
        if self._taken == len(self._steps):
            return None
        beyond = min(self._depth, self._taken // 2)
        for step in self._steps[self._taken + len(self._running) : self._taken + 1 + beyond]:
            self._running.append(asyncio.create_task(self._read(step)))
        found = await self._running[0]
        self._running.popleft()
        self._taken += 1
        return self._steps[self._taken - 1], found

    def drop(self) -> None:
        """Cancel the reads in advance; their steps are read again when they are taken."""
        while self._running:
            task = self._running.pop()
            task.cancel()
            task.add_done_callback(_ignore_error)


def _ignore_error(task: asyncio.Task[Any]) -> None:
    # Without this, asyncio logs an error that was never retrieved.
    if not task.cancelled():
        task.exception()
