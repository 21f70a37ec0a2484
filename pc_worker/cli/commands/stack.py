"""``up`` runs the whole stack; ``worker``, ``beat``, ``gateway`` and ``flower`` run one part alone."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from pc_worker.cli.flower_password import flower_password, require_login
from pc_worker.cli.process_exit import end_now
from pc_worker.cli.running import running_stack, until_signalled
from pc_worker.errors import InvalidRequest
from pc_worker.garbage_collection import end_of_start
from pc_worker.installation import project_file
from pc_worker.logs import set_up_logs
from pc_worker.metrics.exporting import export_part
from pc_worker.settings import Settings, read_settings, split_address
from pc_worker.tracing import flush_spans, set_up_tracing
from pc_worker.wiring import check_inbox, check_models, check_servers, warn_of_changed_domains


def long_running() -> Settings:
    """Read the settings of a part that runs until it is stopped, and set its logs up."""
    if os.environ.get("PC_WORKER_LOG_FORMAT") == "json":  # so that a wrong setting is reported in that format, too
        set_up_logs(log_format="json", level="INFO")
    settings = read_settings()
    set_up_logs(log_format=settings.log_format, level=settings.log_level)
    if settings.log_format == "json":
        os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # gRPC's native part knows plain lines only
    return settings


def line_part() -> Settings:
    """Read the settings of a part that works with both servers; a server that does not fit ends it here.

    Raises:
        Unavailable: If a server takes no writes.
        NotServable: If the version or configuration of one must be changed.
    """
    settings = long_running()
    check_servers(settings, patient=True)
    check_models(settings)
    warn_of_changed_domains(settings)
    return settings


@click.command("up")
def up_command() -> None:
    """Run everything in the foreground until Ctrl-C."""
    settings = long_running()
    check_inbox(settings)
    with running_stack(settings) as stack:
        user, _, password = stack.addresses.flower_auth.partition(":")
        print(f"gateway  {stack.addresses.gateway}   (gRPC; plaintext unless TLS is set)")
        scheme = "https" if settings.tls_cert else "http"
        print(f"http     {scheme}://{stack.addresses.http.split(',')[0]}   (console; the API's calls: /docs)")
        print(f"flower   http://{stack.addresses.flower}   user {user}, password {password}")
        print(f"metrics  http://{stack.addresses.metrics}/metrics")
        print(f"home     {settings.home}")
        end_of_start()
        print("ready: Ctrl-C stops everything", flush=True)
        until_signalled(stack.tend)


@click.command("worker")
@click.option("--concurrency", type=click.IntRange(min=1), help="Processes; default: one a core, four at most.")
@click.option("--queues", help="Comma-separated; default: all.")
def worker_command(concurrency: int | None, queues: str | None) -> None:
    """Run a Celery worker."""
    settings = line_part()
    check_inbox(settings)
    # Before Celery is imported: no library starts more threads than cores.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(variable, str(settings.threads))
    from tasks.app import app

    processes = concurrency or settings.worker_processes
    arguments = ["worker", f"--concurrency={processes}", "--without-gossip", "--without-mingle", "--loglevel=INFO"]
    _run_celery(app, [*arguments, *([f"--queues={queues}"] if queues else [])])


@click.command("beat")
def beat_command() -> None:
    """Run the scheduler of maintenance tasks."""
    settings = line_part()
    from pc_worker.wiring import line_metrics
    from tasks.app import app

    export_part(settings, pool=False, line=line_metrics(settings))
    folder = settings.home / "beat"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    app.conf.include = ()  # it sends tasks by name: loading them would take half of its start
    _run_celery(app, ["beat", f"--schedule={folder / 'schedule'}", "--pidfile=", "--loglevel=INFO"])


@click.command("flower")
def flower_command() -> None:
    """Run the Flower dashboard, behind a password."""
    settings = long_running()
    check_servers(settings, database=False, patient=True)
    host, port = split_address(settings.flower_address)
    from tasks.app import app

    app.conf.include = ()  # it only shows tasks
    require_login(flower_password(settings))
    _run_celery(
        app,
        [
            "flower",
            f"--address={host}",
            f"--port={port}",
            f"--conf={project_file('flowerconfig.py')}",
        ],
    )


@click.command("gateway")
def gateway_command() -> None:
    """Run the gRPC gateway."""
    settings = line_part()
    from pc_worker.gateway.server import serve
    from pc_worker.wiring.gateway import gateway_config, search_function, warm_in_background

    config = gateway_config(settings)
    export_part(settings, pool=False)
    set_up_tracing("gateway")

    def ready(addresses: Sequence[str]) -> None:
        print(f"gateway listens on {', '.join(addresses)}", file=sys.stderr, flush=True)
        warm_in_background(settings)  # not before: what fails to start ends by itself, with no thread at work

    asyncio.run(serve(config, search=search_function(settings), on_ready=ready))
    flush_spans()
    end_now(0)


def _run_celery(app: Any, arguments: Sequence[str]) -> None:
    """Run a Celery program in this process, without its banner; asked to stop is a good end."""
    try:
        app.start(["--quiet", *arguments])
    except SystemExit as exc:
        if exc.code not in (None, 0):
            raise InvalidRequest(f"{arguments[0]} ended with {exc.code}") from exc
