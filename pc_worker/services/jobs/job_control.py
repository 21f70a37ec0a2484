"""Show and control jobs: status, list, cancel, resume."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pc_worker.errors import HomeUnusable, ModelUnavailable, NoQueryModel, NotServable, WrongState
from pc_worker.model import Job, JobState
from pc_worker.services.dependencies import Services
from pc_worker.store.ledger import jobs
from pc_worker.store.ledger.job_pages import ChunkState, JobFilter, page_chunks, page_jobs

#: Errors of what the workers have: a model, a declaration, a folder.
NOT_OF_THE_SOURCE = frozenset(error.code for error in (ModelUnavailable, NotServable, NoQueryModel, HomeUnusable))

#: Returns the error for a job that does not exist, or that its caller may not know.
no_job = jobs.no_job

ENDED: frozenset[JobState] = frozenset(("completed", "partial", "failed", "cancelled"))


def job_status(services: Services, job_id: str) -> Job:
    """Return a job as it is in the ledger now.

    Raises:
        NotFound: If there is no such job.
    """
    with services.database.transaction() as cursor:
        return jobs.find_job(cursor, job_id)


def page_of_jobs(
    services: Services, wanted: JobFilter, *, before: tuple[datetime, str] | None, limit: int
) -> list[Job]:
    """Return jobs, the newest first, those after the one that was created at a time and has an id."""
    with services.database.transaction() as cursor:
        return page_jobs(cursor, wanted, before=before, limit=limit)


def page_of_chunks(services: Services, job_id: str, *, after: int, limit: int) -> list[ChunkState]:
    """Return a job's chunks by number, those after a number.

    Raises:
        NotFound: If there is no such job.
    """
    with services.database.transaction() as cursor:
        jobs.find_job(cursor, job_id)
        return page_chunks(cursor, job_id, after=after, limit=limit)


def all_jobs(services: Services) -> list[Job]:
    """Return the jobs, newest first."""
    with services.database.transaction() as cursor:
        return jobs.list_jobs(cursor)


def cancel(services: Services, job_id: str) -> Job:
    """Cancel an open job: committed rows stay, and no more are written.

    Raises:
        NotFound: If there is no such job.
        WrongState: If it has ended already.
    """
    with services.database.transaction() as cursor:
        job = jobs.find_job(cursor, job_id, lock=True)
        if not jobs.cancel_job(cursor, job_id):
            raise WrongState(f"job {job_id} has ended already: it is {job.state}")
        return jobs.find_job(cursor, job_id)


def resume(services: Services, job_id: str) -> Job:
    """Continue a failed or cancelled job where it stopped; rows of later jobs still win.

    Raises:
        NotFound: If there is no such job.
        WrongState: If it neither failed nor was cancelled.
    """
    with services.database.transaction() as cursor:
        job = jobs.find_job(cursor, job_id, lock=True)
        if job.state not in ("failed", "cancelled"):
            raise WrongState(f"job {job_id} is {job.state}: only failed and cancelled jobs are resumed")
        jobs.reopen_job(cursor, job)
        jobs.judge_job(cursor, job_id)
        return jobs.find_job(cursor, job_id)


def source_was_rejected(job: Job) -> bool:
    """Return whether a job failed because of its source or its request, and not after errors of the system.

    Before the split every failure is one of those, except when the attempts are used up or something is missing here.
    Later only the source is: messages about it begin with its path (``services.sources``).
    """
    if job.error_code in NOT_OF_THE_SOURCE:
        return False
    if job.state != "failed" or job.error is None or job.error.startswith(jobs.GIVEN_UP):
        return False
    return job.plan is None or job.error.startswith(f"{job.source}: ")


def status_document(job: Job) -> dict[str, Any]:
    """Return the status document of the contract."""
    return {
        "job_id": job.job_id,
        "domain": job.domain,
        "source": job.source,
        "state": job.state,
        "rows_total": job.rows_total,
        "rows_written": job.rows_written,
        "rows_unchanged": job.rows_unchanged,
        "rows_skipped": job.rows_skipped,
        "rows_dead": job.rows_dead,
        "texts_encoded": job.texts_encoded,
        "chunks_total": job.chunks_total,
        "chunks_done": job.chunks_done,
        "started_at": _utc(job.started_at),
        "finished_at": _utc(job.finished_at),
        "error": job.error,
    }


def _utc(time: datetime | None) -> str | None:
    return None if time is None else time.astimezone(UTC).isoformat().replace("+00:00", "Z")
