"""Orderly shutdown: a worker that is asked to stop takes no more messages, finishes its work within a limit, and exits.

Celery's own limit, `worker_soft_shutdown_timeout`, always sleeps its whole time, and tasks that finish meanwhile are
not acknowledged.
"""

from __future__ import annotations

import os
import signal
import threading
from contextlib import suppress
from typing import Any

import structlog
from billiard import pool as billiard_pool
from celery import bootsteps, signals
from celery.apps import worker as program
from celery.concurrency.asynpool import AsynPool
from celery.worker import state

from pc_worker.errors import PcWorkerError
from pc_worker.logs import json_line
from pc_worker.services.ingest.attempts import uncount_crash
from tasks.app import app, worker

log = structlog.get_logger(__name__)

#: A chunk takes less. Longer work, such as an index build, is then cancelled and delivered again.
PATIENCE_S = 30.0
#: What does not end even then hangs in native code; its pool processes exit with the worker.
LAST_S = 10.0
#: A pool process that ends waits this long until the worker has counted its results. Billiard's 30 s are as long as all
#: patience, and sometimes a worker that stops never counts the last one although it has it.
COUNTED_S = 5.0


def _later(seconds: float, function: Any, *arguments: Any) -> None:
    timer = threading.Timer(seconds, function, arguments)
    timer.daemon = True
    timer.start()


def _cancel_work() -> None:
    log.warning("worker_cancels_work", after_s=PATIENCE_S)
    _later(LAST_S, os._exit, 0)
    with suppress(PcWorkerError):
        _uncount_splits()
    os.kill(os.getpid(), signal.SIGQUIT)


def _uncount_splits() -> None:
    """Keep the splits that are cancelled now from counting as crashes."""
    for request in tuple(state.active_requests):
        if request.task.name == "pc_worker.ingest_file":
            uncount_crash(worker.services, str(request.kwargs.get("job_id") or request.id))


@signals.celeryd_init.connect
def _say_in_json(**_: Any) -> None:
    if worker.settings.log_format == "json":
        program.safe_say = _say  # Celery's messages at exit are plain lines


def _say(text: str, _: object = None) -> None:
    os.write(2, json_line(text).encode())  # not a logger: a signal handler must not wait for its lock


class EndOfStarts(bootsteps.StartStopStep):
    """End pool processes that are still starting: an orderly shutdown would wait until they have imported everything.

    On a busy machine that takes longer than a chunk. The step is stopped before the pool, which it requires.
    """

    requires = ("celery.worker.components:Pool",)

    def stop(self, parent: Any) -> None:
        """End them. They have begun no task: the pool writes messages only to processes that have reported."""
        pool = getattr(parent.pool, "_pool", None)
        if not isinstance(pool, AsynPool):  # a pool without processes
            return
        reported = [*pool._fileno_to_inq.values()]
        for process in [one for one in pool._pool if one not in reported]:
            process._controlled_termination = True  # Celery then reports no error
            with suppress(OSError):
                os.kill(process.pid, signal.SIGKILL)


app.steps["worker"].add(EndOfStarts)


@signals.worker_process_init.connect
def _wait_less(**_: Any) -> None:
    checks = COUNTED_S / billiard_pool.GUARANTEE_MESSAGE_CONSUMPTION_RETRY_INTERVAL
    billiard_pool.GUARANTEE_MESSAGE_CONSUMPTION_RETRY_LIMIT = int(checks)


@signals.worker_shutting_down.connect
def _limit(how: str, **_: Any) -> None:
    if how == "Warm":
        _later(PATIENCE_S, _cancel_work)
