"""The stall watchdog: a worker that has pending messages and makes no progress for two minutes exits and is restarted.

A worker is stalled if the broker answers and messages wait in the queues that it takes from, but its main loop does not
turn, or no task is active here and no message was taken and no task was begun. Messages with an ETA wait in no queue,
and an invalid message that became a dead message counts as taken. The log shows the stack of every thread.
"""

from __future__ import annotations

import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog
from celery import bootsteps
from celery.concurrency import prefork
from celery.worker import state

from tasks.app import app
from tasks.broker import INTAKE
from tasks.queues import any_waiting

log = structlog.get_logger(__name__)

#: Seconds between two checks.
CHECK_S = 15.0
#: Consecutive stalled checks before exit. Counted in checks, not seconds, because a suspended process makes none.
STALLED_CHECKS = 8
TURNS_PER_CHECK = 3
EXIT_CODE = 70


@dataclass(frozen=True, slots=True)
class Observation:
    """What one check finds; main-loop turns, and messages taken plus tasks begun, are counted from the start."""

    turns: int
    begun: int
    is_busy: bool
    is_waiting: bool

    def is_stalled_since(self, before: Observation) -> bool:
        """Return whether messages wait and the worker made no progress.

        >>> before = Observation(turns=7, begun=5, is_busy=True, is_waiting=True)
        >>> Observation(turns=9, begun=5, is_busy=True, is_waiting=True).is_stalled_since(before)
        False
        >>> Observation(turns=7, begun=5, is_busy=True, is_waiting=True).is_stalled_since(before)
        True
        """
        is_idle = not self.is_busy and self.begun == before.begun
        return self.is_waiting and (is_idle or self.turns == before.turns)


def watch(observe: Callable[[], Observation]) -> int:
    """Check until the worker is stalled; return the number of consecutive stalled checks."""
    before, stalled = observe(), 0
    while stalled < STALLED_CHECKS:
        time.sleep(CHECK_S)
        now = observe()
        stalled = stalled + 1 if now.is_stalled_since(before) else 0
        before = now
    return stalled


class Watchdog(bootsteps.StartStopStep):
    """Count the main loop's turns, and check from its own thread, which runs when the main loop hangs."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, parent: Any, **kwargs: Any) -> None:
        super().__init__(parent, **kwargs)
        self._turns = 0
        self._timer: Any = None
        self._is_watched = False

    def include_if(self, parent: Any) -> bool:
        """Return whether tasks run outside the main loop; other pools are not watched."""
        return isinstance(parent.pool, prefork.TaskPool)

    def start(self, parent: Any) -> None:
        """Count turns. Called after every connection, as a consumer forgets its timers."""
        self._timer = parent.timer.call_repeatedly(CHECK_S / TURNS_PER_CHECK, self._turn)
        if not self._is_watched:
            self._is_watched = True
            threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def stop(self, _: Any) -> None:
        """Stop counting."""
        if self._timer is not None:
            self._timer.cancel()

    def _turn(self) -> None:
        self._turns += 1

    def _observe(self) -> Observation:
        begun = INTAKE.messages + sum(list(state.total_count.values()))
        return Observation(self._turns, begun, bool(state.active_requests), _messages_wait())

    def _watch(self) -> None:
        checks = watch(self._observe)
        does = "exits to be restarted"
        log.critical("worker_stalled", seconds=round(checks * CHECK_S), does=does, threads=_stacks())
        os._exit(EXIT_CODE)  # an orderly exit needs the main loop


def _stacks() -> dict[str, list[str]]:
    """Return each thread's stack by its name."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    frames = sys._current_frames().items()
    return {names.get(ident, str(ident)): traceback.format_stack(frame) for ident, frame in frames}


def _messages_wait() -> bool:
    """Return whether messages wait for this worker; False while the broker does not answer, with any error."""
    try:
        with app.connection_for_read() as connection:
            return any_waiting(connection, list(app.amqp.queues.consume_from))
    except Exception as exc:  # kombu wraps some errors and not others; the thread must survive them all
        log.info("watchdog_cannot_look", reason=f"{type(exc).__name__}: {exc}")
        return False


app.steps["consumer"].add(Watchdog)
