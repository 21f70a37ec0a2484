"""Background tasks of the gateway: one that ends unexpectedly is logged, counted and restarted."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from pc_worker.gateway import metrics
from pc_worker.gateway.backoff import RetryPauses

log = structlog.get_logger()

#: Pauses before a restart, in seconds; a task that has run for LASTED_S begins with the first one again.
PAUSES_S = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
LASTED_S = 60.0


class Restarts:
    """The restarts of one task, logged and counted for Prometheus."""

    def __init__(self, name: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._name, self._clock = name, clock
        self._pauses = RetryPauses(PAUSES_S)
        self._began = clock()

    def begin(self) -> None:
        """Record that the task begins."""
        self._began = self._clock()

    def pause_s(self, error: BaseException | None) -> float:
        """Log that the task ended, with ``error`` or although it should not, and return how long to pause."""
        if self._clock() - self._began >= LASTED_S:
            self._pauses.reset()
        pause_s = self._pauses.next_s()
        metrics.RESTARTS.labels(self._name).inc()
        log.error("background_task_died", task=self._name, error=str(error), again_in_s=pause_s, exc_info=error)
        return pause_s


async def supervised(name: str, work: Callable[[], Awaitable[None]]) -> None:
    """Run ``work`` until this coroutine is cancelled; whenever it ends, restart it after a pause."""
    restarts = Restarts(name)
    while True:
        restarts.begin()
        error: Exception | None = None
        try:
            await work()
        except Exception as exc:
            error = exc
        await asyncio.sleep(restarts.pause_s(error))


def supervised_thread(name: str, work: Callable[[], None]) -> None:
    """Run ``work`` in a thread until it returns; when it fails, restart it after a pause."""
    restarts = Restarts(name)

    def run() -> None:
        while True:
            restarts.begin()
            try:
                return work()
            except Exception as exc:
                time.sleep(restarts.pause_s(exc))

    threading.Thread(target=run, name=name, daemon=True).start()


def log_unhandled(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log an error that no coroutine waited for; a lost connection in one line.

    asyncpg leaves such an error when a call is cancelled during a statement.
    """
    error = context.get("exception")
    if isinstance(error, ConnectionError):
        log.info("connection_lost_unheard", reason=str(error))
    else:
        loop.default_exception_handler(context)
