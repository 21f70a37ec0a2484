"""What counts as an attempt that failed, of a split and of a chunk alike, and the attempts of a split."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from pc_worker.errors import AttemptsExhausted, Conflict, InvalidRequest, PcWorkerError, SourceRejected, Unavailable
from pc_worker.logs import get_logger
from pc_worker.services.dependencies import Services
from pc_worker.store.ledger import jobs
from pc_worker.store.ledger.leases import CRASHES_ALLOWED, FAILURES_ALLOWED

log = get_logger(__name__)

#: What passes when somebody frees space, memory or descriptors, or a file system answers again.
PASSING = frozenset(
    (errno.ENOSPC, errno.EDQUOT, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ETIMEDOUT, errno.ESTALE)
)
#: How the error of a job begins that has used its attempts up: no verdict on its source.
GIVEN_UP = "given up"


def counts(error: Exception) -> bool:
    """Tell whether an error is the work's own: it would come again, so it must not be tried for ever."""
    if isinstance(error, OSError):
        return not isinstance(error, (ConnectionError, TimeoutError)) and error.errno not in PASSING
    return not isinstance(error, (Unavailable, Conflict))


def as_text(error: Exception) -> str:
    """Give an error as the ledger keeps it."""
    return str(error) if isinstance(error, PcWorkerError) else f"{type(error).__name__}: {error}".replace("\0", "")


@contextmanager
def split_attempt(services: Services, job_id: str, *, overruns: tuple[type[Exception], ...] = ()) -> Iterator[bool]:
    """Count what is done inside as one attempt to split a job; gives False while another process is at it.

    An attempt that ends without a word, or that needs too much, counts as a crash; one that ends with an error of its
    own as a failure. As a chunk, a job has three of the former and five of the latter.

    Args:
        services: This process's connections.
        job_id: The job; it may not be there yet.
        overruns: What the caller raises when the attempt takes too long.

    Raises:
        AttemptsExhausted: If there were too many already; the job has failed then.
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
                _book(services, job_id, exc)
            raise
        with services.database.transaction() as cursor:
            jobs.end_split_attempt(cursor, job_id)
    finally:
        _unlock(services, job_id)


def forgive(services: Services, job_id: str) -> None:
    """Take back that an attempt to split a job was cut off: whoever asks its worker to stop is not the file's fault."""
    with services.database.transaction() as cursor:
        jobs.end_split_attempt(cursor, job_id)


def _begin(services: Services, job_id: str) -> None:
    with services.database.transaction() as cursor:
        crashes = jobs.begin_split_attempt(cursor, job_id)
        given_up = crashes > CRASHES_ALLOWED
        text = f"{GIVEN_UP} at the split: the worker died {CRASHES_ALLOWED} times while it read the source"
        if given_up:
            jobs.fail_job(cursor, job_id, text)
    if given_up:
        raise AttemptsExhausted(f"job {job_id} is {text}")


def _book(services: Services, job_id: str, error: Exception) -> None:
    """Book how an attempt ended; while PostgreSQL is away it counts as one that ended without a word."""
    # Ends the job, or is not the error of a job.
    text, is_refusal = as_text(error), isinstance(error, (InvalidRequest, SourceRejected))
    try:
        with services.database.transaction() as cursor:
            its_own = counts(error) and not is_refusal
            failures = jobs.end_split_attempt(cursor, job_id, error=text if its_own else None)
            if failures >= FAILURES_ALLOWED:
                jobs.fail_job(cursor, job_id, f"{GIVEN_UP} at the split: {text}")
    except Unavailable as exc:
        log.warning("split_attempt_not_booked", job_id=job_id, reason=str(exc))


def _unlock(services: Services, job_id: str) -> None:
    try:
        with services.database.transaction() as cursor:
            jobs.unlock_split(cursor, job_id)
    except Unavailable as exc:  # the lock has gone with the connection
        log.warning("split_not_unlocked", job_id=job_id, reason=str(exc))
