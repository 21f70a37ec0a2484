"""Process a chunk: lease it, read and clean its rows, write them in one transaction, hand their bytes to the queue."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import inf
from typing import Any

from pc_worker.domains import ColumnMapping, Domain, get_domain
from pc_worker.errors import ContractBroken, Fenced, InvalidRequest, SourceRejected, Unavailable
from pc_worker.logs import get_logger
from pc_worker.metrics.line import CHUNK_SECONDS, CHUNKS_FAILED, Stage, StageClock, count_rows
from pc_worker.model import Job, Lease, Model, Stages, Tally
from pc_worker.reader import Json, Table
from pc_worker.services.declarations import check_unchanged
from pc_worker.services.dependencies import Services
from pc_worker.services.ingest.attempts import GIVEN_UP, as_text, counts
from pc_worker.services.ingest.embed import OutOfTime
from pc_worker.services.ingest.prepare import RowForm, clean_rows
from pc_worker.services.ingest.publish import push_written
from pc_worker.services.ingest.write_rows import Book, Work, Written, embedder_of, write_rows
from pc_worker.services.sources import kept_options, refusals
from pc_worker.store.db.connection import Cursor
from pc_worker.store.db.planner_statistics import analyze_after_growth
from pc_worker.store.ledger import jobs, leases
from pc_worker.store.models import registry

log = get_logger(__name__)

#: Seconds of embedding after which a chunk is cut, far below a task's limit of 240 s: a row of a long text may have
#: hundreds of passages.
PATIENCE_S = 60.0
#: Stages whose seconds stay with the chunk: what comes after its transaction cannot.
BOOKED: tuple[Stage, ...] = ("read", "clean", "embed", "write")


def process_chunk(
    services: Services, job_id: str, chunk_no: int, *, overruns: tuple[type[Exception], ...] = ()
) -> dict[str, Any]:
    """Do one chunk, or nothing if it is done, cancelled or in other hands; safe to run any number of times.

    Args:
        services: This process's connections and encoder.
        job_id: The job.
        chunk_no: Which of its chunks.
        overruns: What the caller raises when the chunk takes too long: like a crash it halves the chunk in the end.

    Returns:
        A small summary: ``result`` is ``done``, ``gone`` (nothing to do) or ``busy``, with the counts of a done one.

    Raises:
        Unavailable: If PostgreSQL is away: run it again later.
        PcWorkerError: If the chunk failed; it is booked, and given up after five such failures.
    """
    lease = services.database.repeat(
        lambda cursor: leases.acquire_lease(cursor, job_id, chunk_no, lease_s=services.lease_s)
    )
    if isinstance(lease, str):
        return {"result": lease}
    began, clock = time.monotonic(), StageClock()
    try:
        written = _write(services, lease, clock)
    except Fenced:
        return {"result": "gone"}
    except (SourceRejected, InvalidRequest) as exc:  # neither passes by itself
        with services.database.transaction() as cursor:
            jobs.fail_job(cursor, job_id, str(exc))
        raise
    except Exception as exc:
        # A chunk that needs too much keeps its lease, so that the next attempt counts this one as a crash.
        if not isinstance(exc, (MemoryError, *overruns)):
            _release(services, lease, exc)
        raise
    finally:
        _unlock(services, lease)
    with clock.stage("push"):
        push_written(services, get_domain(lease.job.domain), written)
    analyze_after_growth(services.database, written.outcome.log_batch)
    clock.observe(lease.job.domain)
    CHUNK_SECONDS.labels(domain=lease.job.domain).observe(time.monotonic() - began)
    return _summary(lease, written)


def _summary(lease: Lease, written: Written) -> dict[str, Any]:
    """Count what was done, and say it."""
    outcome = written.outcome
    count_rows(lease.job.domain, outcome.tally)
    return {"result": "done", "job_finished": outcome.job_finished, **asdict(outcome.tally)}


def _write(services: Services, lease: Lease, clock: StageClock) -> Written:
    """Write the chunk; of one that takes too long the rows that are embedded in time; the rest are other chunks."""
    opened = _open(services, lease, clock)
    work = opened.work(lease, clock)
    embedder = embedder_of(services, work, patience_s=PATIENCE_S)
    try:
        return write_rows(services, work, book=_booking(lease, clock), clock=clock, embedder=embedder)
    except OutOfTime as exc:
        keep = exc.row_no - lease.first_row
    with services.database.transaction() as cursor:
        lease = leases.cut_chunk(cursor, lease, keep=keep)
    log.info("chunk_cut", job_id=lease.job.job_id, chunk_no=lease.chunk_no, rows=keep)
    embedder.patience_s = inf
    return write_rows(services, opened.work(lease, clock), book=_booking(lease, clock), clock=clock, embedder=embedder)


@dataclass(frozen=True, slots=True)
class Opened:
    """A job's source and what its chunks are made with."""

    job: Job
    domain: Domain
    mapping: ColumnMapping
    model: Model
    table: Table

    def work(self, lease: Lease, clock: StageClock) -> Work:
        """Read and clean the leased rows."""
        with clock.stage("read"), refusals(self.job.source):
            batch = self.table.read(lease.first_row, lease.first_row + lease.row_count, self.mapping.columns)
        form = row_form(self.table, self.job.source)
        with clock.stage("clean"):
            cleaned = clean_rows(
                self.domain,
                self.mapping,
                batch,
                superseded=lease.superseded,
                occurrences=lease.occurrences,
                form=form,
            )
        return Work(
            job=self.job,
            domain=self.domain,
            mapping=self.mapping,
            model=self.model,
            chunk_no=lease.chunk_no,
            cleaned=cleaned,
            form=form,
        )


def _open(services: Services, lease: Lease, clock: StageClock) -> Opened:
    job = lease.job
    with services.database.transaction() as cursor:
        check_unchanged(cursor, get_domain(job.domain))
        job = jobs.pin_active_model(cursor, job)
        model = registry.read_model(cursor, job.model_id or 0)
    with clock.stage("read"):
        table = services.sources.open(job.source, job.fingerprint, options=kept_options(job.request))
    return Opened(job, get_domain(job.domain), ColumnMapping.from_dict(job.plan or {}), model, table)


def _booking(lease: Lease, clock: StageClock) -> Book:
    def book(cursor: Cursor, tally: Tally) -> bool:
        _check_all_accounted(lease, tally)
        stages = Stages(**{name: clock.so_far(name) for name in BOOKED})
        return leases.finish_chunk(
            cursor, lease.job.job_id, lease.chunk_no, attempt=lease.attempt, tally=tally, stages=stages
        )

    return book


def row_form(table: Table, source: str) -> RowForm:
    """Give rows' normal forms from the table, all columns."""

    def form(row_no: int) -> Mapping[str, Json]:
        with refusals(source):
            return table.read(row_no, row_no + 1).normal_row(0)

    return form


def _check_all_accounted(lease: Lease, tally: Tally) -> None:
    total = tally.written + tally.unchanged + tally.skipped + tally.dead
    if total != lease.row_count:
        raise ContractBroken(f"chunk {lease.chunk_no}: {total} of {lease.row_count} rows are accounted for")


def _release(services: Services, lease: Lease, error: Exception) -> None:
    """Book the failure; if PostgreSQL is away the lease ends with the connection instead."""
    CHUNKS_FAILED.labels(domain=lease.job.domain).inc()
    text = as_text(error)
    try:
        with services.database.transaction() as cursor:
            failures = leases.release_lease(cursor, lease, error=text, counts=counts(error))
            if failures >= leases.FAILURES_ALLOWED:
                jobs.fail_job(cursor, lease.job.job_id, f"{GIVEN_UP} at chunk {lease.chunk_no}: {text}")
    except Unavailable as exc:
        log.warning("lease_not_released", reason=str(exc))


def _unlock(services: Services, lease: Lease) -> None:
    try:
        with services.database.transaction() as cursor:
            leases.unlock_lease(cursor, lease)
    except Unavailable as exc:
        log.warning("lock_not_released", reason=str(exc))
