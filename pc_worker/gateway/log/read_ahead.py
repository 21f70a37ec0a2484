"""Reading ahead: the next reads run while the present one is used, in order, and can be given up."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Generic, TypeVar

S = TypeVar("S")
T = TypeVar("T")


class ReadAhead(Generic[S, T]):
    """Gives ``read(step)`` for each of ``steps``, with at most ``depth`` reads beyond the one that is asked for.

    It begins with none and reads further ahead the more it is asked: a client that freezes at its start, where the
    transport's buffers take the first message, costs one read and no more.
    """

    def __init__(self, steps: Sequence[S], read: Callable[[S], Coroutine[Any, Any, T]], *, depth: int) -> None:
        self._steps, self._read, self._depth = steps, read, depth
        self._taken = 0
        self._running: deque[asyncio.Task[T]] = deque()

    async def take(self) -> tuple[S, T] | None:
        """Give the next step with what it reads; None after the last.

        Raises:
            Exception: Whatever that read raises.
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
        """Give up what was read ahead; it is read again when asked for."""
        while self._running:
            task = self._running.pop()
            task.cancel()
            task.add_done_callback(_ignore_error)


def _ignore_error(task: asyncio.Task[Any]) -> None:
    # Asyncio complains of an error that nobody has looked at.
    if not task.cancelled():
        task.exception()
