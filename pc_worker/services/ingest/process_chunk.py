"""Process a chunk: acquire its lease, read and clean its rows, write them in one transaction, push their bytes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import inf
from typing import Any

from pc_worker.domains import ColumnMapping, get_domain
from pc_worker.errors import ContractBroken, Fenced, InvalidRequest, SourceDenied, SourceRejected, Unavailable
from pc_worker.logs import get_logger
from pc_worker.metrics.line import CHUNK_SECONDS, CHUNKS_FAILED, Stage, StageClock, count_outcomes
from pc_worker.model import Job, Lease, Stages, Tally
from pc_worker.reader import Table
from pc_worker.services.declarations import check_unchanged
from pc_worker.services.dependencies import Services
from pc_worker.services.ingest.attempts import error_text, is_permanent, needing_spool, remedy
from pc_worker.services.ingest.publish import push_written
from pc_worker.services.ingest.rows.dead_letter import dead_letter, row_form
from pc_worker.services.ingest.rows.embed import OutOfTime
from pc_worker.services.ingest.rows.prepare import Cleaned, RowContext, clean_rows, numbered_keys
from pc_worker.services.ingest.rows.unchanged import KnownRows, SameRowChanged, cell_hashes, find_same
from pc_worker.services.ingest.rows.write import RecordTally, Work, Written, embedder_of, forgotten_keys, write_rows
from pc_worker.services.jobs.job_control import job_status
from pc_worker.services.sources import rejecting, stored_options
from pc_worker.store.db.connection import Cursor, Database
from pc_worker.store.db.planner_statistics import analyze_after_growth
from pc_worker.store.ledger import jobs, leases
from pc_worker.store.models import registry
from pc_worker.store.rows import merge
from pc_worker.store.rows.identities import known_row_ids
from pc_worker.store.search.statistics import refresh_statistics

log = get_logger(__name__)

#: Seconds of encoding after which a chunk is cut, far below a task's limit of 240 s: one row with a long text may have
#: hundreds of passages.
PATIENCE_S = 60.0
#: Stages whose seconds are stored with the chunk; later ones run after its transaction.
STORED_STAGES: tuple[Stage, ...] = ("read", "clean", "embed", "write")


def process_chunk(
    services: Services, job_id: str, chunk_no: int, *, overruns: tuple[type[Exception], ...] = ()
) -> dict[str, Any]:
    """Process one chunk, unless it is done, cancelled or leased by another worker; safe to run any number of times.

    Args:
        services: This process's shared dependencies.
        job_id: The job.
        chunk_no: The chunk's number in the job.
        overruns: The exceptions that the caller raises when the chunk takes too long; they count as crashes, after
            some of which the chunk is halved.

    Returns:
        A small summary: ``result`` is ``done``, ``gone`` (nothing to do) or ``busy``, with the counts of a done chunk.

    Raises:
        Unavailable: If PostgreSQL is unavailable: run it again later.
        PcWorkerError: If the chunk failed. The failure is recorded; after five of them the job fails.
    """
    lease = services.database.repeat(
        lambda cursor: leases.acquire_lease(cursor, job_id, chunk_no, lease_s=services.lease_s)
    )
    if isinstance(lease, str):
        return {"result": lease}
    began, clock = time.monotonic(), StageClock()
    try:
        written = _attempt(services, lease, clock, overruns=overruns)
    except Fenced:
        return {"result": "gone"}
    with clock.stage("push"):
        push_written(services, get_domain(lease.job.domain), written)
    analyze_after_growth(services.database, written.outcome.log_batch)
    clock.observe(lease.job.domain)
    CHUNK_SECONDS.labels(domain=lease.job.domain).observe(time.monotonic() - began)
    return _summary(lease, written)


def _attempt(services: Services, lease: Lease, clock: StageClock, *, overruns: tuple[type[Exception], ...]) -> Written:
    """Write the chunk; record an error as the job's end or as a failure of the chunk, and raise it."""
    try:
        return _write(services, lease, clock)
    except Fenced:
        raise
    except SourceDenied as exc:  # credentials may be renewed meanwhile, so it is tried as often as other errors
        _release(services, lease, exc)
        raise
    except (SourceRejected, InvalidRequest) as exc:  # a retry would fail, too
        with services.database.transaction() as cursor:
            jobs.fail_job(cursor, lease.job.job_id, str(exc), code=exc.code)
        raise
    except Exception as exc:
        # A chunk that needs too much time or memory keeps its lease: the next attempt then counts this one as a crash.
        if not isinstance(exc, (MemoryError, *overruns)):
            _release(services, lease, exc)
        raise
    finally:
        _unlock(services, lease)


def _summary(lease: Lease, written: Written) -> dict[str, Any]:
    """Count the rows in Prometheus and return their counts."""
    outcome = written.outcome
    count_outcomes(lease.job.domain, outcome.tally)
    return {"result": "done", "job_finished": outcome.job_finished, **asdict(outcome.tally)}


def _write(services: Services, lease: Lease, clock: StageClock) -> Written:
    """Write the chunk; clean all its rows if one that was recognised as unchanged has changed meanwhile."""
    opened = _open(services, lease, clock)
    if lease.crashed:
        return write_rows(services, opened.dead_row(lease, clock), record_tally=_recorder(lease, clock), clock=clock)
    try:
        return _write_rows(services, lease, clock, opened, opened.work(lease, clock, services.database))
    except SameRowChanged:
        return _write_rows(services, lease, clock, opened, opened.work(lease, clock))


def _write_rows(services: Services, lease: Lease, clock: StageClock, opened: OpenedJob, work: Work) -> Written:
    """Write the rows. If it takes too long, write those that are embedded and make the rest other chunks."""
    embedder = embedder_of(services, work, patience_s=PATIENCE_S)
    try:
        return write_rows(services, work, record_tally=_recorder(lease, clock), clock=clock, embedder=embedder)
    except OutOfTime as exc:
        keep = exc.row_no - lease.first_row
    with services.database.transaction() as cursor:
        lease = leases.cut_chunk(cursor, lease, keep=keep)
    log.info("chunk_cut", job_id=lease.job.job_id, chunk_no=lease.chunk_no, rows=keep)
    embedder.patience_s = inf
    work = opened.work(lease, clock)
    return write_rows(services, work, record_tally=_recorder(lease, clock), clock=clock, embedder=embedder)


@dataclass(frozen=True, slots=True)
class OpenedJob:
    """A job with its open source, and what its rows are prepared with."""

    job: Job
    table: Table
    context: RowContext

    def work(self, lease: Lease, clock: StageClock, database: Database | None = None) -> Work:
        """Read and clean the leased rows; with a ``database``, leave those out that are stored with the same cells."""
        context = self.context
        with clock.stage("read"), rejecting(self.job.source):
            batch = self.table.read(lease.first_row, lease.first_row + lease.row_count, context.mapping.columns)
        with clock.stage("clean"):
            keys = numbered_keys(context.domain, context.mapping, batch, lease.occurrences)
            known = KnownRows(cells=cell_hashes(context.domain, context.mapping, batch))
            if database is not None and known.cells:
                known = self._known(database, known, keys, lease)
            cleaned = clean_rows(
                context.domain,
                context.mapping,
                batch,
                keys=keys,
                superseded=lease.superseded,
                form=context.form,
                left_out=known.numbers,
            )
        return Work(job=self.job, chunk_no=lease.chunk_no, context=context, cleaned=cleaned, known=known)

    def dead_row(self, lease: Lease, clock: StageClock) -> Work:
        """Read the one leased row, which ended its workers, for its dead letter; it is not cleaned again."""
        context, row_no = self.context, lease.first_row
        with clock.stage("read"), rejecting(self.job.source):
            batch = self.table.read(row_no, row_no + 1, context.mapping.columns)
        with clock.stage("clean"):
            (key,) = numbered_keys(context.domain, context.mapping, batch, lease.occurrences)
            cleaned = Cleaned(
                records=(),
                letters=(dead_letter(row_no, leases.CRASHED, context.form),),
                skipped=0,
                letter_keys={} if key is None else {row_no: key},
            )
        return Work(job=self.job, chunk_no=lease.chunk_no, context=context, cleaned=cleaned)

    def _known(self, database: Database, known: KnownRows, keys: Sequence[str | None], lease: Lease) -> KnownRows:
        """Return which rows are stored with the same cells; none if one was forgotten since the job began."""
        mapping, domain, seq = self.context.mapping, self.job.domain, self.job.seq or 0
        superseded = set(lease.superseded)
        found = {n: key for n, key in enumerate(keys, lease.first_row) if key is not None and n not in superseded}
        with database.transaction() as cursor:
            if forgotten_keys(cursor, mapping, set(found.values()), seq=seq):
                return known
            ids = known_row_ids(cursor, domain, mapping.scope, list(found.values()))
            model_id = self.context.model.model_id
            stored = merge.read_stored(cursor, domain=domain, model_id=model_id, ids=list(ids.values()))
        numbered = {n: ids[key] for n, key in found.items() if key in ids}
        return find_same(known.cells, numbered, stored, seq=seq)


def _open(services: Services, lease: Lease, clock: StageClock) -> OpenedJob:
    job = lease.job
    with services.database.transaction() as cursor:
        check_unchanged(cursor, get_domain(job.domain))
        job = jobs.pin_active_model(cursor, job)
        model = registry.read_model(cursor, job.model_id or 0)
    with clock.stage("read"), needing_spool():
        table = services.sources.open(job.source, job.fingerprint, options=stored_options(job.request))
    context = RowContext(
        domain=get_domain(job.domain),
        mapping=ColumnMapping.from_dict(job.plan or {}),
        model=model,
        form=row_form(table, job.source),
    )
    return OpenedJob(job, table, context)


def _recorder(lease: Lease, clock: StageClock) -> RecordTally:
    def record(cursor: Cursor, tally: Tally) -> bool:
        if tally.rows != lease.row_count:
            raise ContractBroken(f"chunk {lease.chunk_no}: {tally.rows} of {lease.row_count} rows are accounted for")
        stages = Stages(**{name: clock.so_far(name) for name in STORED_STAGES})
        return leases.finish_chunk(
            cursor, lease.job.job_id, lease.chunk_no, attempt=lease.attempt, tally=tally, stages=stages
        )

    return record


def _release(services: Services, lease: Lease, error: Exception) -> None:
    """Release the lease and record the failure; without PostgreSQL, the lease ends with the connection instead."""
    CHUNKS_FAILED.labels(domain=lease.job.domain).inc()
    text = error_text(error)
    try:
        with services.database.transaction() as cursor:
            failures = leases.release_lease(cursor, lease, error=text, counts=is_permanent(error))
            if failures >= leases.FAILURES_ALLOWED:
                reason = f"{jobs.GIVEN_UP} at chunk {lease.chunk_no}: {text}{remedy(error)}"
                jobs.fail_job(cursor, lease.job.job_id, reason)
    except Unavailable as exc:
        log.warning("lease_not_released", reason=str(exc))


def _unlock(services: Services, lease: Lease) -> None:
    try:
        with services.database.transaction() as cursor:
            leases.unlock_lease(cursor, lease)
    except Unavailable as exc:
        log.warning("lock_not_released", reason=str(exc))


def after_job(services: Services, job_id: str) -> None:
    """Refresh the search statistics of an ended job's domain. If this call is lost, beat's maintenance does it."""
    job = job_status(services, job_id)
    log.info("job_ended", job_id=job_id, state=job.state, rows=job.rows_total, written=job.rows_written)
    refresh_statistics(services.database, job.domain)
