"""A worker that is asked to stop takes no more, ends what it has in hand, and is gone, at the latest after a while.

Celery's own limit to this, `worker_soft_shutdown_timeout`, sleeps all of its time however soon the work has ended, and
what ends meanwhile is not acknowledged.
"""

from __future__ import annotations

import os
import signal
import threading
from typing import Any

import structlog
from celery import signals

log = structlog.get_logger(__name__)

#: A chunk takes less; longer work, as an index build, is cancelled then and comes again.
PATIENCE_S = 30.0
#: What does not even end then hangs in native code; its pool processes die with the worker.
LAST_S = 10.0


def _later(seconds: float, function: Any, *arguments: Any) -> None:
    timer = threading.Timer(seconds, function, arguments)
    timer.daemon = True
    timer.start()


def _cancel_work() -> None:
    log.warning("worker_cancels_work", after_s=PATIENCE_S)
    _later(LAST_S, os._exit, 0)
    os.kill(os.getpid(), signal.SIGQUIT)


@signals.worker_shutting_down.connect
def _limit(how: str, **_: Any) -> None:
    if how == "Warm":
        _later(PATIENCE_S, _cancel_work)
