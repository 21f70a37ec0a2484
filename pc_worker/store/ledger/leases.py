"""The chunk ledger: who may write a chunk, what it did, and what is to be sent to the workers next.

A lease is an attempt number, a deadline and a session lock. The lock dies with its holder's connection, so a killed
worker's chunk is free at once; the deadline frees the chunk of a worker that is alive but frozen; the attempt number
refuses that worker's commit if it thaws.
"""

from __future__ import annotations

from dataclasses import replace
from math import ceil
from typing import Literal

from pc_worker.errors import Fenced
from pc_worker.model import Job, Lease, Stages, Tally
from pc_worker.store.db.connection import Cursor
from pc_worker.store.ledger.jobs import find_job, judge_job

#: Attempts of a chunk that may end without a word before it is halved; a single row is then dead.
CRASHES_ALLOWED = 3
#: Attempts that may end with an error before the job is given up.
FAILURES_ALLOWED = 5

NoLease = Literal["gone", "busy"]

READ_CHUNK = """
SELECT c.state, c.first_row, c.row_count, c.superseded, c.occurrences, c.attempt, c.crashes, c.halved,
       c.lease_until IS NOT NULL, coalesce(c.lease_until > clock_timestamp(), false)
FROM chunks c WHERE c.job_id = %s AND c.chunk_no = %s FOR UPDATE
"""
LOCK_KEY = "hashtextextended(%s || ':' || %s || ':' || %s, 0)"
TAKE = """
UPDATE chunks SET attempt = %s, crashes = %s, lease_until = clock_timestamp() + make_interval(secs => %s),
                  state = 'enqueued', enqueued_at = coalesce(enqueued_at, now())
WHERE job_id = %s AND chunk_no = %s
"""
FINISH = """
UPDATE chunks SET state = 'done', lease_until = NULL, error = NULL,
    written = %s, unchanged = %s, skipped = %s, dead = %s, texts_encoded = texts_encoded + %s,
    tokens_encoded = %s, stage_seconds = %s, done_at = clock_timestamp()
WHERE job_id = %s AND chunk_no = %s AND attempt = %s AND state IN ('waiting', 'enqueued') RETURNING chunk_no
"""
COUNT = """
UPDATE jobs SET chunks_done = chunks_done + 1, rows_written = rows_written + %s, rows_unchanged = rows_unchanged + %s,
    rows_skipped = rows_skipped + %s, rows_dead = rows_dead + %s, texts_encoded = texts_encoded + %s
WHERE job_id = %s AND state = 'running' RETURNING job_id
"""
RELEASE = """
UPDATE chunks SET lease_until = NULL, failures = failures + %s, error = %s
WHERE job_id = %s AND chunk_no = %s AND attempt = %s AND state = 'enqueued' RETURNING failures
"""
# The rest becomes chunks of their own. Nothing is changed where the attempt is no longer the newest.
SPLIT = """
WITH kept AS (
    UPDATE chunks SET row_count = %(keep)s, halved = halved OR %(halved)s
    WHERE job_id = %(job_id)s AND chunk_no = %(chunk_no)s AND attempt = %(attempt)s AND state <> 'done'
    RETURNING first_row + row_count AS middle, halved
), counted AS (
    UPDATE jobs SET chunks_total = chunks_total + %(pieces)s FROM kept WHERE job_id = %(job_id)s
    RETURNING chunks_total - %(pieces)s AS first_no
)
INSERT INTO chunks (job_id, chunk_no, first_row, row_count, superseded, occurrences, halved)
SELECT c.job_id, counted.first_no + n - 1, start, least(%(piece)s, c.first_row + c.row_count - start),
       c.superseded, c.occurrences, kept.halved
FROM chunks c, kept, counted,
     generate_series(kept.middle, c.first_row + c.row_count - 1, %(piece)s) WITH ORDINALITY AS g (start, n)
WHERE c.job_id = %(job_id)s AND c.chunk_no = %(chunk_no)s RETURNING chunk_no
"""
BURY = """
INSERT INTO dead_letters (job_id, row_no, chunk_no, domain, reason) VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
"""
# Materialised: inlined, the planner may run the locking subquery once a row and take more than the window.
TAKE_WAITING = """
WITH next AS MATERIALIZED (
    SELECT chunk_no FROM chunks WHERE job_id = %(job_id)s AND state = 'waiting' ORDER BY chunk_no
    LIMIT greatest(0, least(%(at_most)s, %(window)s - (
        SELECT count(*) FROM chunks WHERE job_id = %(job_id)s AND state = 'enqueued')))
    FOR UPDATE SKIP LOCKED
)
UPDATE chunks SET state = 'enqueued', enqueued_at = now()
FROM next WHERE chunks.job_id = %(job_id)s AND chunks.chunk_no = next.chunk_no
RETURNING chunks.chunk_no
"""
TAKE_LOST = """
UPDATE chunks SET enqueued_at = now()
WHERE job_id = %s AND state = 'enqueued' AND enqueued_at < now() - make_interval(secs => %s)
  AND (lease_until IS NULL OR lease_until < clock_timestamp()
       OR NOT EXISTS (SELECT 1 FROM pg_locks l WHERE l.locktype = 'advisory' AND l.objsubid = 1
                      AND (l.classid::bigint << 32 | l.objid::bigint)
                          = hashtextextended(job_id || ':' || chunk_no || ':' || attempt, 0)))
RETURNING chunk_no
"""


def acquire_lease(cursor: Cursor, job_id: str, chunk_no: int, *, lease_s: float) -> Lease | NoLease:
    """Take the lease of a chunk, or say why not: ``gone`` = nothing to do, ``busy`` = another is at it.

    A chunk that killed three workers is halved on the way, down to the row, which is then dead.
    """
    cursor.execute(READ_CHUNK, (job_id, chunk_no))
    row = cursor.fetchone()
    if row is None or row[0] in ("done", "failed"):
        return "gone"
    job = find_job(cursor, job_id)
    if job.state != "running":
        return "gone"
    _, first_row, row_count, superseded, occurrences, attempt, crashes, halved, leased, alive = row
    if leased and alive and not _lock_is_free(cursor, job_id, chunk_no, attempt):
        return "busy"
    crashes += leased  # a lease that nobody gave back
    if crashes >= (CRASHES_ALLOWED if row_count == 1 or not halved else 1):
        if row_count == 1:
            _bury(cursor, job, chunk_no, row_no=first_row, attempt=attempt, superseded=first_row in superseded)
            return "gone"
        half = row_count // 2
        _split(
            cursor, job_id, chunk_no, attempt=attempt, rows=row_count, keep=half, piece=row_count - half, halved=True
        )
        row_count, crashes = half, 0
    attempt += 1
    cursor.execute(f"SELECT pg_advisory_lock({LOCK_KEY})", (job_id, str(chunk_no), str(attempt)))
    cursor.execute(TAKE, (attempt, crashes, lease_s, job_id, chunk_no))
    return _of_rows(
        Lease(
            job=job,
            chunk_no=chunk_no,
            first_row=first_row,
            row_count=row_count,
            superseded=frozenset(superseded),
            occurrences={int(n): count for n, count in (occurrences or {}).items()},
            attempt=attempt,
        )
    )


def _of_rows(lease: Lease) -> Lease:
    """Leave out what the lease says of rows that it has no longer."""
    rows = range(lease.first_row, lease.first_row + lease.row_count)
    return replace(
        lease,
        superseded=frozenset(n for n in lease.superseded if n in rows),
        occurrences={n: count for n, count in lease.occurrences.items() if n in rows},
    )


def cut_chunk(cursor: Cursor, lease: Lease, *, keep: int) -> Lease:
    """Keep a chunk's first ``keep`` rows; the rest waits in chunks of so many. Gives the lease on what is kept.

    Raises:
        Fenced: If a newer attempt has the chunk.
    """
    job_id, rows = lease.job.job_id, lease.row_count
    _split(cursor, job_id, lease.chunk_no, attempt=lease.attempt, rows=rows, keep=keep, piece=keep, halved=False)
    return _of_rows(replace(lease, row_count=keep))


def _split(
    cursor: Cursor, job_id: str, chunk_no: int, *, attempt: int, rows: int, keep: int, piece: int, halved: bool
) -> None:
    values = {
        "job_id": job_id,
        "chunk_no": chunk_no,
        "attempt": attempt,
        "keep": keep,
        "piece": piece,
        "pieces": ceil((rows - keep) / piece),
        "halved": halved,
    }
    cursor.execute(SPLIT, values)
    if cursor.fetchone() is None:
        raise Fenced(f"chunk {chunk_no} of job {job_id} belongs to a newer attempt")


def _lock_is_free(cursor: Cursor, job_id: str, chunk_no: int, attempt: int) -> bool:
    key = (job_id, str(chunk_no), str(attempt))
    cursor.execute(f"SELECT pg_try_advisory_lock({LOCK_KEY})", key)
    free = cursor.fetchone() == (True,)
    if free:
        cursor.execute(f"SELECT pg_advisory_unlock({LOCK_KEY})", key)
    return free


def _bury(cursor: Cursor, job: Job, chunk_no: int, *, row_no: int, attempt: int, superseded: bool) -> None:
    """End a one-row chunk that kills its workers: its row is dead, unseen."""
    if not superseded:
        reason = f"the worker died {CRASHES_ALLOWED} times on this row"
        cursor.execute(BURY, (job.job_id, row_no, chunk_no, job.domain, reason))
    tally = Tally(skipped=1) if superseded else Tally(dead=1)
    finish_chunk(cursor, job.job_id, chunk_no, attempt=attempt, tally=tally)


def finish_chunk(
    cursor: Cursor, job_id: str, chunk_no: int, *, attempt: int, tally: Tally, stages: Stages | None = None
) -> bool:
    """Book the chunk as done and its rows to the job, with what it took; True if the job has ended with it.

    Raises:
        Fenced: If a newer attempt has the chunk, or the job is no longer running.
    """
    counts = (tally.written, tally.unchanged, tally.skipped, tally.dead, tally.texts_encoded)
    seconds = None if stages is None else [stages.read, stages.clean, stages.embed, stages.write]
    cursor.execute(FINISH, (*counts, tally.tokens_encoded, seconds, job_id, chunk_no, attempt))
    if cursor.fetchone() is None:
        raise Fenced(f"chunk {chunk_no} of job {job_id} belongs to a newer attempt")
    cursor.execute(COUNT, (*counts, job_id))
    if cursor.fetchone() is None:
        raise Fenced(f"job {job_id} is no longer running")
    return judge_job(cursor, job_id)


def release_lease(cursor: Cursor, lease: Lease, *, error: str, counts: bool) -> int:
    """Give the lease back after an error; ``counts`` = it is the chunk's own failure. Gives all its failures."""
    job_id, chunk_no = lease.job.job_id, lease.chunk_no
    cursor.execute(RELEASE, (int(counts), error, job_id, chunk_no, lease.attempt))
    row = cursor.fetchone()
    return 0 if row is None else int(row[0])


def unlock_lease(cursor: Cursor, lease: Lease) -> None:
    """Give the session lock of a lease back."""
    key = (lease.job.job_id, str(lease.chunk_no), str(lease.attempt))
    cursor.execute(f"SELECT pg_advisory_unlock({LOCK_KEY})", key)


def enqueue_waiting(cursor: Cursor, job_id: str, *, window: int, at_most: int | None = None) -> list[int]:
    """Give the chunks to send next, ``at_most`` so many, so that at most ``window`` of the job are with the broker."""
    values = {"job_id": job_id, "window": window, "at_most": window if at_most is None else at_most}
    cursor.execute(TAKE_WAITING, values)
    return sorted(chunk_no for (chunk_no,) in cursor.fetchall())


def requeue_lost(cursor: Cursor, job_id: str, *, older_than_s: float) -> list[int]:
    """Give chunks that were sent long ago and that nobody works on, and mark them as sent again now."""
    cursor.execute(TAKE_LOST, (job_id, older_than_s))
    return sorted(chunk_no for (chunk_no,) in cursor.fetchall())
