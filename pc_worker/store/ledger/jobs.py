"""Jobs in the ledger: created once, split once, and ended by the results of their chunks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pc_worker.errors import NotFound
from pc_worker.invisible_characters import as_storable
from pc_worker.model import ChunkSpec, Job
from pc_worker.store.db.advisory_locks import lock_key
from pc_worker.store.db.connection import Cursor, is_storable

COLUMNS = (
    "job_id, seq, domain, source, request, plan, fingerprint, model_id, state, max_dead, rows_total, rows_written, "
    "rows_unchanged, rows_skipped, rows_dead, texts_encoded, chunks_total, chunks_done, error, created_at, "
    "started_at, finished_at, error_code"
)
NAMES = tuple(COLUMNS.split(", "))

SPLIT_LOCK = lock_key("'split:' || %s")
#: Prefix of the error of a job that used all its attempts; such an error says nothing about the source.
GIVEN_UP = "given up"

CREATE = """
INSERT INTO jobs (job_id, domain, source, request, max_dead) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (job_id) DO NOTHING
"""

# The sequence number is assigned at the first start only: a resumed or redelivered job keeps it.
START = """
UPDATE jobs SET state = 'splitting', seq = coalesce(seq, nextval('job_sequence')),
                started_at = coalesce(started_at, now()), error = NULL, split_crashes = greatest(split_crashes, 1)
WHERE job_id = %s AND state IN ('queued', 'splitting') RETURNING seq
"""

# The attempt is counted at its start and subtracted at its end: a process that dies cannot count itself.
BEGIN_SPLIT = """
UPDATE jobs SET split_crashes = split_crashes + 1
WHERE job_id = %s AND state IN ('queued', 'splitting') RETURNING split_crashes
"""
END_SPLIT = """
UPDATE jobs SET split_crashes = split_crashes - 1,
                split_failures = split_failures + (%(error)s::text IS NOT NULL)::int,
                error = CASE WHEN state IN ('queued', 'splitting') THEN coalesce(%(error)s, error) ELSE error END
WHERE job_id = %(job_id)s AND split_crashes > 0 RETURNING split_failures
"""

RECORD_SPLIT = """
UPDATE jobs SET state = 'running', plan = %s, fingerprint = %s, model_id = %s, rows_total = %s, chunks_total = %s
WHERE job_id = %s AND state = 'splitting' RETURNING job_id
"""

ADD_CHUNK = """
INSERT INTO chunks (job_id, chunk_no, first_row, row_count, superseded, occurrences)
VALUES (%s, %s, %s, %s, %s, %s)
"""

FAIL = """
UPDATE jobs SET state = 'failed', error = %s, error_code = %s, finished_at = now()
WHERE job_id = %s AND state IN ('queued', 'splitting', 'running') RETURNING job_id
"""

# When all chunks are done, the rows must add up; then the dead rows decide. Also used again after a dead letter moved.
JUDGE = """
UPDATE jobs SET
    state = CASE WHEN rows_written + rows_unchanged + rows_skipped + rows_dead <> rows_total THEN 'failed'
                 WHEN rows_dead <= max_dead THEN 'completed' ELSE 'partial' END,
    error = CASE WHEN rows_written + rows_unchanged + rows_skipped + rows_dead <> rows_total
                 THEN 'the ledger does not add up: rows are missing or doubled' END,
    finished_at = CASE WHEN state = 'running' THEN now() ELSE finished_at END
WHERE job_id = %s AND chunks_done = chunks_total AND state IN ('running', 'completed', 'partial')
RETURNING state
"""


def create_job(
    cursor: Cursor, *, job_id: str, domain: str, source: str, request: dict[str, Any], max_dead: int
) -> bool:
    """Create a queued job; return False if the id exists, as after a redelivered message."""
    cursor.execute(CREATE, (job_id, domain, source, json.dumps(request), max_dead))
    return bool(cursor.rowcount)


def find_job(cursor: Cursor, job_id: str, *, lock: bool = False) -> Job:
    """Return a job; ``lock`` prevents changes by others until the transaction ends.

    Raises:
        NotFound: If there is no such job.
    """
    if not is_storable(job_id):
        raise no_job(job_id)
    cursor.execute(f"SELECT {COLUMNS} FROM jobs WHERE job_id = %s" + (" FOR UPDATE" if lock else ""), (job_id,))
    row = cursor.fetchone()
    if row is None:
        raise no_job(job_id)
    return Job(**dict(zip(NAMES, row, strict=True)))


def no_job(job_id: str) -> NotFound:
    """Return the error for a job that does not exist."""
    return NotFound(f"there is no job {job_id[:80]!r}; `jobs` lists them")


def list_jobs(cursor: Cursor, *, limit: int = 1000) -> list[Job]:
    """Return jobs, the newest first."""
    cursor.execute(f"SELECT {COLUMNS} FROM jobs ORDER BY created_at DESC, job_id LIMIT %s", (limit,))
    return [Job(**dict(zip(NAMES, row, strict=True))) for row in cursor.fetchall()]


def start_job(cursor: Cursor, job_id: str) -> int | None:
    """Set the job to splitting and return its sequence number; None if it is split or has ended."""
    cursor.execute(START, (job_id,))
    row = cursor.fetchone()
    return None if row is None else int(row[0])


def lock_split(cursor: Cursor, job_id: str) -> bool:
    """Acquire the session lock of splitting this job; return False while another process holds it."""
    cursor.execute(f"SELECT pg_try_advisory_lock({SPLIT_LOCK})", (job_id,))
    return cursor.fetchone() == (True,)


def unlock_split(cursor: Cursor, job_id: str) -> None:
    """Release the session lock of splitting this job."""
    cursor.execute(f"SELECT pg_advisory_unlock({SPLIT_LOCK})", (job_id,))


def begin_split_attempt(cursor: Cursor, job_id: str) -> int:
    """Count an attempt as crashed until ``end_split_attempt`` is called; return how many such attempts there are.

    A job that does not exist yet, or is split, has none; ``start_job`` counts the first attempt of a new one.
    """
    cursor.execute(BEGIN_SPLIT, (job_id,))
    row = cursor.fetchone()
    return 0 if row is None else int(row[0])


def end_split_attempt(cursor: Cursor, job_id: str, *, error: str | None = None) -> int:
    """Subtract an attempt that did not crash; return all failures. ``error`` = the attempt failed with this message."""
    cursor.execute(END_SPLIT, {"job_id": job_id, "error": error and as_storable(error)})
    row = cursor.fetchone()
    return 0 if row is None else int(row[0])


def record_split(
    cursor: Cursor,
    job_id: str,
    *,
    plan: dict[str, Any],
    fingerprint: dict[str, Any],
    model_id: int,
    rows_total: int,
    chunks: Sequence[ChunkSpec],
) -> bool:
    """Record the column mapping (``plan``) and all chunks, and set the job to running.

    Return False if the job is no longer splitting.
    """
    values = (json.dumps(plan), json.dumps(fingerprint), model_id, rows_total, len(chunks), job_id)
    cursor.execute(RECORD_SPLIT, values)
    if cursor.fetchone() is None:
        return False
    for c in chunks:
        occurrences = None if c.occurrences is None else json.dumps(c.occurrences)
        cursor.execute(ADD_CHUNK, (job_id, c.chunk_no, c.first_row, c.row_count, c.superseded, occurrences))
    if not chunks:
        judge_job(cursor, job_id)
    return True


def pin_active_model(cursor: Cursor, job: Job) -> Job:
    """Return the job with the domain's active model, which may have been switched since the job started."""
    cursor.execute(
        "UPDATE jobs SET model_id = d.model_id FROM domains d "
        "WHERE jobs.job_id = %s AND d.domain = jobs.domain AND jobs.model_id <> d.model_id RETURNING jobs.model_id",
        (job.job_id,),
    )
    row = cursor.fetchone()
    return job if row is None else replace(job, model_id=row[0])


def fail_job(cursor: Cursor, job_id: str, error: str, *, code: str | None = None) -> bool:
    """End an open job as failed; return False if it has ended already. ``code`` is that of the error's class."""
    cursor.execute(FAIL, (as_storable(error), code, job_id))
    return cursor.fetchone() is not None


def judge_job(cursor: Cursor, job_id: str) -> bool:
    """End the job if all its chunks are done; return whether it has ended."""
    cursor.execute(JUDGE, (job_id,))
    return cursor.fetchone() is not None


def cancel_job(cursor: Cursor, job_id: str) -> bool:
    """Cancel an open job, so that later commits of its chunks fail; return False if it has ended already."""
    cursor.execute(
        "UPDATE jobs SET state = 'cancelled', finished_at = now() "
        "WHERE job_id = %s AND state IN ('queued', 'splitting', 'running') RETURNING job_id",
        (job_id,),
    )
    return cursor.fetchone() is not None


def reopen_job(cursor: Cursor, job: Job) -> None:
    """Reopen a failed or cancelled job: finished chunks stay finished, the others get new attempts."""
    state = "queued" if job.plan is None else "running"
    cursor.execute(
        "UPDATE jobs SET state = %s, error = NULL, error_code = NULL, finished_at = NULL, enqueued_at = now(), "
        "split_crashes = 0, split_failures = 0 WHERE job_id = %s",
        (state, job.job_id),
    )
    cursor.execute(
        "UPDATE chunks SET state = 'waiting', crashes = 0, failures = 0, lease_until = NULL, error = NULL "
        "WHERE job_id = %s AND state <> 'done'",
        (job.job_id,),
    )


def open_domains(cursor: Cursor) -> list[str]:
    """Return the domains that have open jobs."""
    cursor.execute("SELECT DISTINCT domain FROM jobs WHERE state IN ('queued', 'splitting', 'running') ORDER BY domain")
    return [domain for (domain,) in cursor.fetchall()]


def stale_queued_jobs(cursor: Cursor, domain: str, *, older_than_s: float) -> list[str]:
    """Return a domain's jobs whose ingest message may be lost, and mark them as sent now."""
    cursor.execute(
        "UPDATE jobs SET enqueued_at = now() WHERE state IN ('queued', 'splitting') AND domain = %s "
        "AND (enqueued_at < now() - make_interval(secs => %s) OR enqueued_at > now() + interval '1 min') "
        "RETURNING job_id",
        (domain, older_than_s),
    )
    return [job_id for (job_id,) in cursor.fetchall()]


def running_jobs(cursor: Cursor) -> list[str]:
    """Return the running jobs, in the order of their start."""
    cursor.execute("SELECT job_id FROM jobs WHERE state = 'running' ORDER BY seq")
    return [job_id for (job_id,) in cursor.fetchall()]


def waiting_jobs(cursor: Cursor, domain: str, *, limit: int = 100) -> list[Job]:
    """Return a domain's running jobs that have waiting chunks, in the order of their start."""
    cursor.execute(
        f"SELECT {COLUMNS} FROM jobs j WHERE state = 'running' AND domain = %s AND EXISTS ("
        "SELECT 1 FROM chunks c WHERE c.job_id = j.job_id AND c.state = 'waiting') ORDER BY seq LIMIT %s",
        (domain, limit),
    )
    return [Job(**dict(zip(NAMES, row, strict=True))) for row in cursor.fetchall()]


def purge_jobs(cursor: Cursor, *, older_than_s: float) -> list[str]:
    """Delete old jobs that ended without failure, or failed before they started; return their ids.

    Jobs that can be resumed stay.
    """
    cursor.execute(
        "DELETE FROM jobs WHERE (state IN ('completed', 'partial') OR state = 'failed' AND seq IS NULL) "
        "AND finished_at < now() - make_interval(secs => %s) RETURNING job_id",
        (older_than_s,),
    )
    return [job_id for (job_id,) in cursor.fetchall()]
