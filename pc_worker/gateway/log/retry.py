"""Waiting for a database that went away, but not for ever."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from pc_worker.errors import Unavailable

log = structlog.get_logger()

T = TypeVar("T")
RETRY_S = (0.05, 0.1, 0.2, 0.5, 1.0)


class RetryBudget:
    """How long failures in a row have lasted; every success starts it anew."""

    def __init__(self, retry_for_s: float) -> None:
        self._retry_for_s = retry_for_s
        self._failures = 0
        self._deadline = 0.0

    def succeed(self) -> None:
        """Forget the failures so far."""
        self._failures = 0

    async def endure(self, error: Unavailable, what: str) -> None:
        """Wait a little before the next try.

        Raises:
            Unavailable: ``error``, once failures have lasted too long.
        """
        if not self._failures:
            self._deadline = time.monotonic() + self._retry_for_s
        if time.monotonic() >= self._deadline:
            raise error
        log.warning("database_waited_for", by=what, error=str(error))
        await asyncio.sleep(RETRY_S[min(self._failures, len(RETRY_S) - 1)])
        self._failures += 1


async def healed(call: Callable[[], Awaitable[T]], *, retry_for_s: float, what: str) -> T:
    """Give what ``call`` gives, calling it again while the database is away, for ``retry_for_s`` at most.

    Raises:
        Unavailable: If it stays away.
    """
    patience = RetryBudget(retry_for_s)
    while True:
        try:
            return await call()
        except Unavailable as exc:
            await patience.endure(exc, what)
