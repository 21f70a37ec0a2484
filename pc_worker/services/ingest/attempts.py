"""Which errors count as failed attempts of a split or a chunk, and the attempts of a split."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pc_worker.errors import (
    AttemptsExhausted,
    Conflict,
    EngineMisbehaved,
    HomeUnusable,
    InvalidRequest,
    PcWorkerError,
    SourceDenied,
    SourceRejected,
    Unavailable,
)
from pc_worker.file_faults import LACKING
from pc_worker.logs import get_logger
from pc_worker.services.dependencies import Services
from pc_worker.store.ledger import jobs
from pc_worker.store.ledger.leases import CRASHES_ALLOWED, FAILURES_ALLOWED

log = get_logger(__name__)


def is_permanent(error: Exception) -> bool:
    """Return whether the work itself causes the error: it would occur again, so attempts are limited."""
    if isinstance(error, OSError):
        return not isinstance(error, (ConnectionError, TimeoutError)) and error.errno not in LACKING
    # Wrong replies of an engine cost money each time, so they are not asked for without end.
    return isinstance(error, EngineMisbehaved) or not isinstance(error, (Unavailable, Conflict))


def error_text(error: Exception) -> str:
    """Return an error as the ledger stores it."""
    return str(error) if isinstance(error, PcWorkerError) else f"{type(error).__name__}: {error}"


def remedy(error: Exception) -> str:
    """Return how a job goes on that failed with ``error``, if it does not need to begin again."""
    return "; then `resume` continues the job" if isinstance(error, SourceDenied) else ""


@contextmanager
def split_attempt(services: Services, job_id: str, *, overruns: tuple[type[Exception], ...] = ()) -> Iterator[bool]:
    """Count the body as one attempt to split a job; yield False while another process splits it.

    An attempt whose worker dies, or that needs too much time or memory, counts as a crash; one that ends with a
    permanent error counts as a failure. The limits are those of a chunk: three crashes, five failures.

    Args:
        services: This process's shared dependencies.
        job_id: The job; it may not exist yet.
        overruns: The exceptions that the caller raises when the attempt takes too long.

    Raises:
        AttemptsExhausted: If the job has no attempt left; it has failed then.
    """
    with services.database.transaction() as cursor:
        is_free = jobs.lock_split(cursor, job_id)
    if not is_free:
        yield False
        return
    try:
        _begin(services, job_id)
        try:
            yield True
        except Exception as exc:
            if not isinstance(exc, (MemoryError, *overruns)):
                _record_error(services, job_id, exc)
            raise
        with services.database.transaction() as cursor:
            jobs.end_split_attempt(cursor, job_id)
    finally:
        _unlock(services, job_id)


def uncount_crash(services: Services, job_id: str) -> None:
    """Do not count a split that is cut off now as a crash: a worker that is asked to stop is not the file's fault."""
    with services.database.transaction() as cursor:
        jobs.end_split_attempt(cursor, job_id)


def _begin(services: Services, job_id: str) -> None:
    with services.database.transaction() as cursor:
        crashes = jobs.begin_split_attempt(cursor, job_id)
        given_up = crashes > CRASHES_ALLOWED
        text = f"{jobs.GIVEN_UP} at the split: the worker died {CRASHES_ALLOWED} times while it read the source"
        if given_up:
            jobs.fail_job(cursor, job_id, text)
    if given_up:
        raise AttemptsExhausted(f"job {job_id} is {text}")


def _record_error(services: Services, job_id: str, error: Exception) -> None:
    """Record how an attempt ended; while PostgreSQL is unavailable it counts as a crash."""
    # These errors end the job, or are not the error of a job.
    text, is_rejection = error_text(error), isinstance(error, (InvalidRequest, SourceRejected))
    try:
        with services.database.transaction() as cursor:
            is_failure = is_permanent(error) and not is_rejection
            failures = jobs.end_split_attempt(cursor, job_id, error=text if is_failure else None)
            if failures >= FAILURES_ALLOWED:
                jobs.fail_job(cursor, job_id, f"{jobs.GIVEN_UP} at the split: {text}")
    except Unavailable as exc:
        log.warning("split_attempt_not_booked", job_id=job_id, reason=str(exc))


def _unlock(services: Services, job_id: str) -> None:
    try:
        with services.database.transaction() as cursor:
            jobs.unlock_split(cursor, job_id)
    except Unavailable as exc:  # the lock was released with the connection
        log.warning("split_not_unlocked", job_id=job_id, reason=str(exc))


@contextmanager
def needing_spool() -> Iterator[None]:
    """Turn an unusable spool, which is no fault of a file, into an error after which a job is tried again.

    Raises:
        Unavailable: If this worker's spool is not usable; another worker's may be, or this one after a repair.
    """
    try:
        yield
    except HomeUnusable as exc:
        raise Unavailable(str(exc)) from exc
