"""``ingest``: enqueue files, and wait for them where asked to."""

from __future__ import annotations

import sys
import time
import uuid
from collections.abc import Callable, Sequence

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from pc_worker.cli.arguments import FILE, AskedNumber
from pc_worker.cli.context import connected
from pc_worker.cli.edge import fail
from pc_worker.cli.output import print_json, visible
from pc_worker.cli.source_options import SourceOptions, source_options
from pc_worker.errors import Unavailable
from pc_worker.model import Job
from pc_worker.services.dependencies import Services
from pc_worker.services.ingest.submit import IngestRequest, submit
from pc_worker.services.jobs.job_control import ENDED, job_status, source_was_rejected, status_document

POLL_S = 0.2
#: Seconds that ``--wait`` tolerates an unavailable PostgreSQL: a restart, not an outage.
PATIENCE_S = 60.0


@click.command("ingest")
@click.argument("files", nargs=-1, required=True, type=FILE)
@click.option("--domain", required=True, help="Which kind of record the files hold; `domains list` shows all.")
@click.option("--max-dead", type=AskedNumber(min=0), default=0, help="Dead rows that still count as completed.")
@source_options
@click.option("--wait", is_flag=True, help="Show progress, and exit by the outcome.")
@click.option("--json", "as_json", is_flag=True, help="One status document, an array for several files.")
def ingest_command(
    files: Sequence[str], domain: str, max_dead: int, options: SourceOptions, wait: bool, as_json: bool
) -> int:
    """Enqueue FILES; each becomes a job."""
    requests = [options.request(file, domain=domain, max_dead=max_dead) for file in files]
    for request in requests:
        request.check()
    services = connected()
    for request in requests:
        services.sources.check(request.path)
    jobs = enqueue(services, requests)
    if wait:
        jobs = watch(services, [job.job_id for job in jobs])
    _show(jobs, as_json=as_json)
    return _worst_exit_code(jobs) if wait else 0


def _show(jobs: Sequence[Job], *, as_json: bool) -> None:
    """Print the state of the jobs."""
    if as_json:
        documents = [status_document(job) for job in jobs]
        print_json(documents if len(documents) > 1 else documents[0])
        return
    for job in jobs:
        print(visible(_line(job)))


def _worst_exit_code(jobs: Sequence[Job]) -> int:
    """Print the errors of ended jobs and return the worst of their exit codes."""
    for job in jobs:
        if job.error is not None:
            fail(job.error, exit_code(job))
    return max(map(exit_code, jobs), key=SEVERITY.index)


#: Exit codes from best to worst.
SEVERITY = (0, 1, 65, 69)


def exit_code(job: Job) -> int:
    """Return the exit code of an ended job: 65 if its source was rejected."""
    if job.state == "completed":
        return 0
    return 65 if source_was_rejected(job) else 1


def enqueue(services: Services, requests: Sequence[IngestRequest]) -> list[Job]:
    """Write the jobs and send their messages.

    Raises:
        Unavailable: If a server does not answer; nothing is enqueued then.
    """
    from tasks.send import check_broker, send_job

    check_broker()
    jobs = []
    for request in requests:
        job_id = str(uuid.uuid4())
        submit(services, request, job_id)
        jobs.append(job_status(services, job_id))
        send_job(services, jobs[-1])
    return jobs


def watch(services: Services, job_ids: Sequence[str], *, tend: Callable[[], None] = lambda: None) -> list[Job]:
    """Wait until all jobs have ended, with progress on a terminal; ``tend`` is called at each look."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[pace]} rows/s"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        lines = {job_id: progress.add_task(job_id[:8], total=None, pace="-") for job_id in job_ids}
        began = time.monotonic()
        while True:
            jobs = [_patiently(services, job_id, tend) for job_id in job_ids]
            for job in jobs:
                done = job.rows_accounted
                pace = f"{done / max(time.monotonic() - began, 0.001):,.0f}"
                progress.update(lines[job.job_id], total=job.rows_total or None, completed=done, pace=pace)
            if all(job.state in ENDED for job in jobs):
                return jobs
            time.sleep(POLL_S)


def _patiently(services: Services, job_id: str, tend: Callable[[], None]) -> Job:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        tend()
        try:
            return job_status(services, job_id)
        except Unavailable:
            if time.monotonic() > deadline:
                raise
            time.sleep(POLL_S)


def _line(job: Job) -> str:
    if job.state not in ENDED:
        return f"{job.job_id}  {job.state}  {job.source}"
    return (
        f"{job.job_id}  {job.state}  {job.source}: {job.rows_total} rows, {job.rows_written} written, "
        f"{job.rows_unchanged} unchanged, {job.rows_skipped} skipped, {job.rows_dead} dead"
    )
