"""Retries while the database is unavailable, for a limited time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from pc_worker.errors import Unavailable
from pc_worker.gateway.backoff import RetryPauses

log = structlog.get_logger()

T = TypeVar("T")
RETRY_S = (0.05, 0.1, 0.2, 0.5, 1.0)


class RetryBudget:
    """How long failures in a row may last, in seconds; a success restores all of it."""

    def __init__(self, retry_for_s: float) -> None:
        self._retry_for_s = retry_for_s
        self._pauses = RetryPauses(RETRY_S)
        self._deadline = 0.0

    def restore(self) -> None:
        """Record a success."""
        self._pauses.reset()

    async def wait(self, error: Unavailable, *, what: str) -> None:
        """Wait before the next attempt; ``what`` names the caller in the log.

        Raises:
            Unavailable: ``error``, if the failures have lasted too long.
        """
        if not self._pauses.failures:
            self._deadline = time.monotonic() + self._retry_for_s
        if time.monotonic() >= self._deadline:
            raise error
        log.warning("database_waited_for", by=what, error=str(error))
        await asyncio.sleep(self._pauses.next_s())


async def retry_until(call: Callable[[], Awaitable[T]], *, retry_for_s: float, what: str) -> T:
    """Return what ``call`` returns, retrying it for ``retry_for_s`` seconds while the database is unavailable.

    Not stamina: its context costs 0.1 ms, which each consumer would pay up to twenty times a second for checkpoints;
    and streams, which stamina does not fit, wait in the same way.

    Raises:
        Unavailable: If the database stays unavailable.
    """
    budget = RetryBudget(retry_for_s)
    while True:
        try:
            return await call()
        except Unavailable as exc:
            await budget.wait(exc, what=what)
