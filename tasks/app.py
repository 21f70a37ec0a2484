"""The Celery app, its per-process services, and the base classes of all tasks."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from celery import Celery, Task, signals
from celery.loaders.app import AppLoader

from pc_worker.embedded import die_with_parent
from pc_worker.errors import Conflict, InvalidRequest, PcWorkerError, Unavailable
from pc_worker.garbage_collection import end_of_start
from pc_worker.logs import set_up_logs
from pc_worker.metrics import line as metrics
from pc_worker.metrics.exporting import export_part
from pc_worker.services.dependencies import Services
from pc_worker.services.request_model import RequestModel
from pc_worker.settings import Settings, read_settings
from pc_worker.wiring import check_models, check_servers, make_services
from tasks.call import NoArguments, read_arguments
from tasks.start_errors import ended_in_one_line
from tasks.traces import traced

#: Environment variable with the pid of the worker that starts the pool processes.
WORKER_PID = "PCW_POOL_PARENT"


class Loader(AppLoader):
    """Celery's loader without imports from the working folder, where a user's file may have a module's name."""

    def import_from_cwd(self, module: str, imp: Any = None, package: str | None = None) -> Any:
        """Import a module as Python does."""
        return (imp or self.import_module)(module, package=package)


app = Celery(
    "pc_worker",
    loader=Loader,
    include=[
        "tasks.ingest",
        "tasks.maintenance",
        "tasks.search",
        "tasks.delivery",
        "tasks.watchdog",
        "tasks.orderly_shutdown",
    ],
)
app.steps["consumer"].add("tasks.reception:Holding")
app.config_from_object("celeryconfig")


class Worker:
    """This process's settings and services, created on first use: the only mutable object of the module."""

    def __init__(self) -> None:
        self._settings: Settings | None = None
        self._services: Services | None = None

    @property
    def settings(self) -> Settings:
        """The settings, read once."""
        self._settings = self._settings or read_settings()
        return self._settings

    @property
    def services(self) -> Services:
        """The connections and the encoder."""
        # PostgreSQL shows this name with the locks of leases: it is how `chunks` names who holds one.
        name = f"pc_worker task {socket.gethostname()[:24]}:{os.getpid()}"
        self._services = self._services or make_services(self.settings, application=name)
        return self._services

    def close(self) -> None:
        """Close the connections."""
        if self._services is not None:
            self._services.sources.close()
            self._services.database.close()
            self._services = None


worker = Worker()


class CheckedTask(Task):
    """A task that validates its arguments strictly before it runs: an invalid call fails at once, with one sentence."""

    #: The model of its arguments; the task is called with an object of this class.
    arguments: type[RequestModel] = NoArguments
    Request = "tasks.reception:CarefulRequest"
    typing = False  # Celery's own check knows names only, and its message is about Python

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the task. Arguments are read outside the part that is retried: an invalid call stays invalid."""
        try:
            asked = read_arguments(self.name, self.arguments, args, kwargs)
        except InvalidRequest as exc:
            self.on_invalid_call(args, kwargs, exc)
            raise
        with traced(self, kwargs):
            return self.run() if isinstance(asked, NoArguments) else self.run(asked)

    def on_invalid_call(self, args: Sequence[Any], kwargs: Mapping[str, Any], error: InvalidRequest) -> None:
        """Handle an invalid call; the default does nothing more than fail."""


class RetryingTask(CheckedTask):
    """A task that is retried, with jitter, after errors that may pass: a server that is unavailable, a conflict."""

    throws = (PcWorkerError,)
    autoretry_for = (Unavailable, Conflict)
    max_retries = 20
    retry_backoff = 1
    retry_backoff_max = 30
    retry_jitter = True
    #: Seconds until the message of a dead process is delivered again. Celery's default is three minutes, and
    #: `reconcile` would send it first.
    default_retry_delay = 1


@signals.celeryd_init.connect
def _begin(**_: Any) -> None:
    """Check the servers and serve the worker's metrics, with any way of starting it."""
    _logs()
    with ended_in_one_line():
        check_servers(worker.settings, patient=True)
        check_models(worker.settings)
    export_part(worker.settings, pool=True)


@signals.celeryd_after_setup.connect
def _no_other_log(**_: Any) -> None:
    """Keep pool processes from setting up a log in Celery's format."""
    os.environ.pop("_MP_FORK_LOGLEVEL_", None)


@signals.setup_logging.connect
def _logs(**_: Any) -> None:
    set_up_logs(log_format=worker.settings.log_format, level=worker.settings.log_level)


@signals.worker_init.connect
def _leave_pid(**_: Any) -> None:
    os.environ[WORKER_PID] = str(os.getpid())


@signals.worker_process_init.connect
def _start(**_: Any) -> None:
    sys.set_int_max_str_digits(0)  # integers of any size are data; the reader bounds what a file may hold
    if os.environ.get(WORKER_PID) == str(os.getpid()):
        return  # a solo pool: the worker itself
    die_with_parent()
    if os.environ.get(WORKER_PID, str(os.getppid())) != str(os.getppid()):
        os._exit(1)  # the worker died before the line above, so the parent-death signal would never come
    end_of_start()


@signals.worker_ready.connect
@signals.beat_init.connect
def _end_of_start(**_: Any) -> None:
    end_of_start()


@signals.worker_process_shutdown.connect
def _stop(**_: Any) -> None:
    worker.close()


@signals.task_prerun.connect
def _bind(task_id: str, task: Task, kwargs: dict[str, Any], **_: Any) -> None:
    given = {name: kwargs.get(name) for name in ("job_id", "chunk_no", "domain")}  # not validated yet
    ids = {name: value for name, value in given.items() if isinstance(value, int | str) and str(value).isprintable()}
    structlog.contextvars.bind_contextvars(task=task.name, task_id=task_id, **ids)


@signals.task_retry.connect
def _count_retry(sender: Task, reason: Any, **_: Any) -> None:
    if getattr(reason, "exc", None) is not None:  # otherwise it only moves to another queue
        metrics.RETRIES.labels(task=sender.name).inc()


@signals.task_failure.connect
def _count_failure(sender: Task, **_: Any) -> None:
    metrics.TASKS_FAILED.labels(task=sender.name).inc()


@signals.task_postrun.connect
def _unbind(**_: Any) -> None:
    structlog.contextvars.clear_contextvars()
