"""Background work that is to last as long as the gateway: whatever ends it is told, and it begins again."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from pc_worker.gateway import metrics

log = structlog.get_logger()

#: Pauses before a new beginning; work that has lasted for long starts with the first one again.
PAUSES_S = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
LASTED_S = 60.0


class Restarts:
    """How often a task has died in a row, told to the log and to Prometheus."""

    def __init__(self, name: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._name, self._clock = name, clock
        self._row = 0
        self._began = clock()

    def begin(self) -> None:
        """Note that the work begins."""
        self._began = self._clock()

    def pause_s(self, error: BaseException | None) -> float:
        """Tell of a death, ``error`` None = it ended though it should not, and give how long to pause after it."""
        if self._clock() - self._began >= LASTED_S:
            self._row = 0
        pause_s = PAUSES_S[min(self._row, len(PAUSES_S) - 1)]
        self._row += 1
        metrics.RESTARTS.labels(self._name).inc()
        log.error("background_task_died", task=self._name, error=str(error), again_in_s=pause_s, exc_info=error)
        return pause_s


async def supervised(name: str, work: Callable[[], Awaitable[None]]) -> None:
    """Run ``work``, which is to last, until this is cancelled: it begins again, after a pause, however it ended."""
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
    """Run ``work`` beside the caller until it has ended well: it begins again, after a pause, when it failed."""
    restarts = Restarts(name)

    def repeat() -> None:
        while True:
            restarts.begin()
            try:
                return work()
            except Exception as exc:
                time.sleep(restarts.pause_s(exc))

    threading.Thread(target=repeat, name=name, daemon=True).start()


def log_unhandled(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log an error that nobody waited for; a lost connection in one line.

    asyncpg leaves one behind when a call is cancelled in the middle of a statement.
    """
    error = context.get("exception")
    if isinstance(error, ConnectionError):
        log.info("connection_lost_unheard", reason=str(error))
    else:
        loop.default_exception_handler(context)
