"""Leases of chunks: which worker may write a chunk, what it did, and which chunks to send to the workers next.

A lease is an attempt number, a deadline and a session lock. The lock ends with its holder's connection, so the chunk of
a killed worker is free at once. The deadline frees the chunk of a suspended worker, and the attempt number rejects that
worker's commit if it continues later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import Literal

from pc_worker.errors import Fenced
from pc_worker.invisible_characters import as_storable
from pc_worker.model import DeadLetter, Job, Lease, Stages, Tally
from pc_worker.store.db.advisory_locks import is_key_of, lock_key
from pc_worker.store.db.connection import Cursor
from pc_worker.store.ledger.dead_letters import insert_dead_letters
from pc_worker.store.ledger.jobs import find_job, judge_job

#: Attempts of a chunk whose worker died without releasing its lease, before it is halved; a single row is then dead.
CRASHES_ALLOWED = 3
#: Why such a row is dead.
CRASHED = f"the worker died {CRASHES_ALLOWED} times on this row"
#: Attempts that may end with an error before the job fails.
FAILURES_ALLOWED = 5

#: Why no lease was acquired: ``gone`` = there is nothing to do, ``busy`` = another worker holds it.
NoLease = Literal["gone", "busy"]

READ_CHUNK = """
SELECT c.state, c.first_row, c.row_count, c.superseded, c.occurrences, c.attempt, c.crashes, c.halved,
       c.lease_until IS NOT NULL, coalesce(c.lease_until > clock_timestamp(), false)
FROM chunks c WHERE c.job_id = %s AND c.chunk_no = %s FOR UPDATE
"""
LOCK_KEY = lock_key("%s || ':' || %s || ':' || %s")
ACQUIRE = """
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
# The remaining rows become new chunks. Nothing is changed if the attempt is no longer the newest.
SPLIT = """
WITH kept AS (
    UPDATE chunks SET row_count = %(keep)s, halved = halved OR %(halved)s
    WHERE job_id = %(job_id)s AND chunk_no = %(chunk_no)s AND attempt = %(attempt)s AND state <> 'done'
    RETURNING first_row + row_count AS middle, halved
), counted AS (
    UPDATE jobs SET chunks_total = chunks_total + %(count)s FROM kept WHERE job_id = %(job_id)s
    RETURNING chunks_total - %(count)s AS first_no
)
INSERT INTO chunks (job_id, chunk_no, first_row, row_count, superseded, occurrences, halved)
SELECT c.job_id, counted.first_no + n - 1, start, least(%(size)s, c.first_row + c.row_count - start),
       c.superseded, c.occurrences, kept.halved
FROM chunks c, kept, counted,
     generate_series(kept.middle, c.first_row + c.row_count - 1, %(size)s) WITH ORDINALITY AS g (start, n)
WHERE c.job_id = %(job_id)s AND c.chunk_no = %(chunk_no)s RETURNING chunk_no
"""
# Materialised: otherwise the planner may run the locking subquery once per row and take more than the window.
ENQUEUE_WAITING = """
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
REQUEUE_LOST = f"""
UPDATE chunks SET enqueued_at = now()
WHERE job_id = %s AND state = 'enqueued'
  AND (enqueued_at < now() - make_interval(secs => %s) OR enqueued_at > now() + interval '1 min') -- a clock set back
  AND (lease_until IS NULL OR lease_until < clock_timestamp()
       OR NOT EXISTS (SELECT 1 FROM pg_locks l
                      WHERE {is_key_of(lock_key("job_id || ':' || chunk_no || ':' || attempt"))}))
RETURNING chunk_no
"""


@dataclass(frozen=True, slots=True)
class _StoredChunk:
    """A row of READ_CHUNK; ``crashes`` counts earlier attempts that did not release their lease."""

    state: str
    first_row: int
    row_count: int
    superseded: Sequence[int]
    occurrences: Mapping[str, int] | None
    attempt: int
    crashes: int
    halved: bool
    leased: bool
    in_time: bool

    @property
    def all_crashes(self) -> int:
        """Crashes, with that of the attempt that did not release its lease."""
        return self.crashes + self.leased

    @property
    def crashes_too_often(self) -> bool:
        """Whether it is to be halved, or its only row is dead; a half is halved again after one more crash."""
        return self.all_crashes >= (CRASHES_ALLOWED if self.row_count == 1 or not self.halved else 1)

    @property
    def cannot_be_read(self) -> bool:
        """Whether its only row is dead and needs no reading, or ended the worker that only read it."""
        return self.first_row in self.superseded or self.all_crashes > CRASHES_ALLOWED


def acquire_lease(cursor: Cursor, job_id: str, chunk_no: int, *, lease_s: float) -> Lease | NoLease:
    """Acquire the lease of a chunk for ``lease_s`` seconds, or return why that is not possible.

    A chunk whose workers died three times is halved first, repeatedly down to a single row, which is then dead: one
    more lease is for its letter, which needs its key and its normal form. If that attempt dies, too, it has neither.
    """
    cursor.execute(READ_CHUNK, (job_id, chunk_no))
    row = cursor.fetchone()
    if row is None or (chunk := _StoredChunk(*row)).state in ("done", "failed"):
        return "gone"
    job = find_job(cursor, job_id)
    if job.state != "running":
        return "gone"
    if chunk.leased and chunk.in_time and not _lock_is_free(cursor, job_id, chunk_no, attempt=chunk.attempt):
        return "busy"
    if not chunk.crashes_too_often:
        return _acquire(cursor, job, chunk_no, replace(chunk, crashes=chunk.all_crashes), lease_s)
    if chunk.row_count > 1:
        return _acquire(cursor, job, chunk_no, _halve(cursor, job_id, chunk_no, chunk), lease_s)
    if chunk.cannot_be_read:
        _finish_as_dead(cursor, job, chunk_no, chunk)
        return "gone"
    return _acquire(cursor, job, chunk_no, replace(chunk, crashes=chunk.all_crashes), lease_s, crashed=True)


def _acquire(
    cursor: Cursor, job: Job, chunk_no: int, chunk: _StoredChunk, lease_s: float, *, crashed: bool = False
) -> Lease:
    attempt = chunk.attempt + 1
    cursor.execute(f"SELECT pg_advisory_lock({LOCK_KEY})", (job.job_id, str(chunk_no), str(attempt)))
    cursor.execute(ACQUIRE, (attempt, chunk.crashes, lease_s, job.job_id, chunk_no))
    return _restricted(
        Lease(
            job=job,
            chunk_no=chunk_no,
            first_row=chunk.first_row,
            row_count=chunk.row_count,
            superseded=frozenset(chunk.superseded),
            occurrences={int(n): count for n, count in (chunk.occurrences or {}).items()},
            attempt=attempt,
            crashed=crashed,
        )
    )


def _restricted(lease: Lease) -> Lease:
    """Return the lease without entries for rows that a split moved to other chunks."""
    rows = range(lease.first_row, lease.first_row + lease.row_count)
    return replace(
        lease,
        superseded=frozenset(n for n in lease.superseded if n in rows),
        occurrences={n: count for n, count in lease.occurrences.items() if n in rows},
    )


def _lock_is_free(cursor: Cursor, job_id: str, chunk_no: int, *, attempt: int) -> bool:
    key = (job_id, str(chunk_no), str(attempt))
    cursor.execute(f"SELECT pg_try_advisory_lock({LOCK_KEY})", key)
    free = cursor.fetchone() == (True,)
    if free:
        cursor.execute(f"SELECT pg_advisory_unlock({LOCK_KEY})", key)
    return free


def _finish_as_dead(cursor: Cursor, job: Job, chunk_no: int, chunk: _StoredChunk) -> None:
    """Finish a chunk of one row that not even its letter is read for: it is dead, or a later row replaces it."""
    superseded = chunk.first_row in chunk.superseded
    if not superseded:
        letter = DeadLetter(row_no=chunk.first_row, reason=CRASHED, row_id=None, normal_form=None)
        insert_dead_letters(cursor, job=job, chunk_no=chunk_no, letters=[letter])
    tally = Tally(skipped=1) if superseded else Tally(dead=1)
    finish_chunk(cursor, job.job_id, chunk_no, attempt=chunk.attempt, tally=tally)


def _halve(cursor: Cursor, job_id: str, chunk_no: int, chunk: _StoredChunk) -> _StoredChunk:
    rows, half = chunk.row_count, chunk.row_count // 2
    attempt = chunk.attempt
    _split(cursor, job_id, chunk_no, attempt=attempt, rows=rows, keep=half, size=rows - half, halved=True)
    return replace(chunk, row_count=half, crashes=0)


def cut_chunk(cursor: Cursor, lease: Lease, *, keep: int) -> Lease:
    """Keep a chunk's first ``keep`` rows and put the others into new chunks of that size; return the new lease.

    Raises:
        Fenced: If a newer attempt has the chunk.
    """
    job_id, rows = lease.job.job_id, lease.row_count
    _split(cursor, job_id, lease.chunk_no, attempt=lease.attempt, rows=rows, keep=keep, size=keep, halved=False)
    return _restricted(replace(lease, row_count=keep))


def _split(
    cursor: Cursor, job_id: str, chunk_no: int, *, attempt: int, rows: int, keep: int, size: int, halved: bool
) -> None:
    values = {
        "job_id": job_id,
        "chunk_no": chunk_no,
        "attempt": attempt,
        "keep": keep,
        "size": size,
        "count": ceil((rows - keep) / size),
        "halved": halved,
    }
    cursor.execute(SPLIT, values)
    if cursor.fetchone() is None:
        raise Fenced(f"chunk {chunk_no} of job {job_id} belongs to a newer attempt")


def finish_chunk(
    cursor: Cursor, job_id: str, chunk_no: int, *, attempt: int, tally: Tally, stages: Stages | None = None
) -> bool:
    """Record the chunk as done, with its tally and duration; return whether the job has ended with it.

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
    """Release the lease after an error; return the chunk's failures. ``counts`` = this error is one of them."""
    job_id, chunk_no = lease.job.job_id, lease.chunk_no
    cursor.execute(RELEASE, (int(counts), as_storable(error), job_id, chunk_no, lease.attempt))
    row = cursor.fetchone()
    return 0 if row is None else int(row[0])


def unlock_lease(cursor: Cursor, lease: Lease) -> None:
    """Release the session lock of a lease."""
    key = (lease.job.job_id, str(lease.chunk_no), str(lease.attempt))
    cursor.execute(f"SELECT pg_advisory_unlock({LOCK_KEY})", key)


def enqueue_waiting(cursor: Cursor, job_id: str, *, window: int, at_most: int | None = None) -> list[int]:
    """Mark the next chunks as enqueued and return their numbers, ``at_most`` of them.

    At most ``window`` chunks of a job are enqueued at once.
    """
    values = {"job_id": job_id, "window": window, "at_most": window if at_most is None else at_most}
    cursor.execute(ENQUEUE_WAITING, values)
    return sorted(chunk_no for (chunk_no,) in cursor.fetchall())


def requeue_lost(cursor: Cursor, job_id: str, *, older_than_s: float) -> list[int]:
    """Return chunks that were sent long ago and that no worker has a lease of, and mark them as sent now."""
    cursor.execute(REQUEUE_LOST, (job_id, older_than_s))
    return sorted(chunk_no for (chunk_no,) in cursor.fetchall())
