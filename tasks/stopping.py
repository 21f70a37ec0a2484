"""A worker that is asked to stop takes no more, ends what it has in hand, and is gone, at the latest after a while.

Celery's own limit to this, `worker_soft_shutdown_timeout`, sleeps all of its time however soon the work has ended, and
what ends meanwhile is not acknowledged.
"""

from __future__ import annotations

import os
import signal
import threading
from contextlib import suppress
from typing import Any

import structlog
from celery import signals
from celery.apps import worker as program
from celery.worker import state

from pc_worker.errors import PcWorkerError
from pc_worker.logs import json_line
from pc_worker.services.ingest.attempts import forgive
from tasks.app import worker

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
    with suppress(PcWorkerError):
        _forgive_splits()
    os.kill(os.getpid(), signal.SIGQUIT)


def _forgive_splits() -> None:
    """Not count a split that is cancelled now as one that killed its worker."""
    for request in tuple(state.active_requests):
        if request.task.name == "pc_worker.ingest_file":
            forgive(worker.services, str(request.kwargs.get("job_id") or request.id))


@signals.celeryd_init.connect
def _say_in_json(**_: Any) -> None:
    if worker.settings.log_format == "json":
        program.safe_say = _say  # what Celery tells at its end are plain lines


def _say(text: str, _: object = None) -> None:
    os.write(2, json_line(text).encode())  # and not by a log, for whose lock a signal's handler may not wait


@signals.worker_shutting_down.connect
def _limit(how: str, **_: Any) -> None:
    if how == "Warm":
        _later(PATIENCE_S, _cancel_work)
