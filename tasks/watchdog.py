"""A worker that no longer takes work ends itself, so that whoever supervises it starts another.

It goes by what a person would look at: the broker answers and messages wait in the queues that this worker takes from,
but its main loop no longer turns, or nothing is at work here and nothing was taken or begun for a while. Why, the
stacks in its log tell. A message that may begin later waits in no queue, and one that is buried was taken.
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

CHECK_S = 15.0
#: So many looks in a row: looks and not seconds, for whoever was frozen has not looked.
LOOKS = 8
TURNS_A_LOOK = 3
EXIT_CODE = 70


@dataclass(frozen=True, slots=True)
class Sight:
    """What one look shows; turns of the main loop, and messages taken and tasks begun, are counted from the start."""

    turns: int
    begun: int
    is_busy: bool
    is_waiting: bool

    def stands_still_since(self, before: Sight) -> bool:
        """Tell whether work waits, and nothing was done for it.

        >>> before = Sight(turns=7, begun=5, is_busy=True, is_waiting=True)
        >>> Sight(turns=9, begun=5, is_busy=True, is_waiting=True).stands_still_since(before)
        False
        >>> Sight(turns=7, begun=5, is_busy=True, is_waiting=True).stands_still_since(before)
        True
        """
        is_idle = not self.is_busy and self.begun == before.begun
        return self.is_waiting and (is_idle or self.turns == before.turns)


def watch(look: Callable[[], Sight]) -> int:
    """Look until the worker stands still; give at how many looks it did."""
    before, looks = look(), 0
    while looks < LOOKS:
        time.sleep(CHECK_S)
        now = look()
        looks = looks + 1 if now.stands_still_since(before) else 0
        before = now
    return looks


class Watchdog(bootsteps.StartStopStep):
    """Counts the main loop's turns, and looks from a thread of its own: nothing of the loop's is sure to run."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, parent: Any, **kwargs: Any) -> None:
        super().__init__(parent, **kwargs)
        self._turns = 0
        self._timer: Any = None
        self._is_watched = False

    def include_if(self, parent: Any) -> bool:
        """Leave out pools whose tasks run in the main loop itself."""
        return isinstance(parent.pool, prefork.TaskPool)

    def start(self, parent: Any) -> None:
        """Count turns; after each connection anew, as a consumer forgets its timers."""
        self._timer = parent.timer.call_repeatedly(CHECK_S / TURNS_A_LOOK, self._turn)
        if not self._is_watched:
            self._is_watched = True
            threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def stop(self, _: Any) -> None:
        """Count no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _turn(self) -> None:
        self._turns += 1

    def _look(self) -> Sight:
        begun = INTAKE.messages + sum(list(state.total_count.values()))
        return Sight(self._turns, begun, bool(state.active_requests), _messages_wait())

    def _watch(self) -> None:
        looks = watch(self._look)
        does = "ends, to be started again"
        log.critical("worker_stalled", seconds=round(looks * CHECK_S), does=does, threads=_stacks())
        os._exit(EXIT_CODE)  # an orderly end is the main loop's


def _stacks() -> dict[str, list[str]]:
    """Tell where each thread stands."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    frames = sys._current_frames().items()
    return {names.get(ident, str(ident)): traceback.format_stack(frame) for ident, frame in frames}


def _messages_wait() -> bool:
    """Tell whether messages wait for this worker; False while the broker does not answer, whatever it says then."""
    try:
        with app.connection_for_read() as connection:
            return any_waiting(connection, list(app.amqp.queues.consume_from))
    except Exception as exc:  # kombu wraps some errors and passes others on; the thread must outlive them all
        log.info("watchdog_cannot_look", reason=f"{type(exc).__name__}: {exc}")
        return False


app.steps["consumer"].add(Watchdog)
