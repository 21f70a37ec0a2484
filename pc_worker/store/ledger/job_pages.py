"""Jobs and chunks in pages, for people and programs that look at the ledger."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from pc_worker.model import Job, JobState, Stages
from pc_worker.store.db.advisory_locks import is_key_of, lock_key
from pc_worker.store.db.connection import Cursor
from pc_worker.store.ledger.jobs import COLUMNS, NAMES

PAGE = f"""
SELECT {COLUMNS} FROM jobs
WHERE (%(domains)s::text[] IS NULL OR domain = ANY(%(domains)s))
  AND (%(states)s::text[] IS NULL OR state = ANY(%(states)s))
  AND (%(text)s = '' OR job_id = %(text)s OR strpos(lower(source), lower(%(text)s)) > 0)
  AND (%(before)s::timestamptz IS NULL OR (created_at, job_id) < (%(before)s, %(job_id)s))
ORDER BY created_at DESC, job_id DESC LIMIT %(limit)s
"""
# The lock of a lease is in its holder's session (leases.py), whose application name has the worker's host and process.
CHUNKS = f"""
SELECT c.chunk_no, c.first_row, c.row_count, c.state, c.attempt, c.crashes, c.failures, c.halved, c.enqueued_at,
       c.done_at, c.lease_until, c.written, c.unchanged, c.skipped, c.dead, c.texts_encoded, c.stage_seconds, c.error,
       h.application_name, host(h.client_addr)
FROM chunks c
LEFT JOIN LATERAL (
    SELECT a.application_name, a.client_addr FROM pg_locks l JOIN pg_stat_activity a USING (pid)
    WHERE c.lease_until > clock_timestamp() AND l.granted
      AND {is_key_of(lock_key("c.job_id || ':' || c.chunk_no || ':' || c.attempt"))}
    LIMIT 1
) h ON true
WHERE c.job_id = %s AND c.chunk_no > %s ORDER BY c.chunk_no LIMIT %s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """Which jobs are listed; None = any domain, any state; ``text`` = a part of the source, or the whole id."""

    domains: Collection[str] | None = None
    states: Collection[JobState] | None = None
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkState:
    """A chunk as the ledger has it.

    Attributes:
        attempt: The number of its newest attempt; 0 before the first.
        crashes: Attempts whose worker died.
        failures: Attempts that ended with an error.
        halved: Whether it is a part of a chunk that killed its workers.
        stages: Seconds of its stages; None until it is done.
        holder: The process that works on it; None if there is none now.
        address: The address that the holder connects to PostgreSQL from; None for a socket of this machine.
    """

    chunk_no: int
    first_row: int
    row_count: int
    state: str
    attempt: int
    crashes: int
    failures: int
    halved: bool
    enqueued_at: datetime | None
    done_at: datetime | None
    lease_until: datetime | None
    written: int
    unchanged: int
    skipped: int
    dead: int
    texts_encoded: int
    stages: Stages | None
    error: str | None
    holder: str | None
    address: str | None


STAGE_NAMES = tuple(field.name for field in fields(Stages))
CHUNK_FIELDS = tuple(field.name for field in fields(ChunkState))


def page_jobs(
    cursor: Cursor, wanted: JobFilter, *, before: tuple[datetime, str] | None = None, limit: int
) -> list[Job]:
    """Return jobs, the newest first; ``before`` = the creation time and id of the last job of the page before."""
    time, job_id = before or (None, None)
    values = {
        "domains": None if wanted.domains is None else list(wanted.domains),
        "states": None if wanted.states is None else list(wanted.states),
        "text": wanted.text,
        "before": time,
        "job_id": job_id,
        "limit": limit,
    }
    cursor.execute(PAGE, values)
    return [Job(**dict(zip(NAMES, row, strict=True))) for row in cursor.fetchall()]


def page_chunks(cursor: Cursor, job_id: str, *, after: int = -1, limit: int) -> list[ChunkState]:
    """Return a job's chunks by number, those after number ``after``."""
    cursor.execute(CHUNKS, (job_id, after, limit))
    return [_chunk(row) for row in cursor.fetchall()]


def source_needs(cursor: Cursor, job_ids: Collection[str]) -> dict[str, bool]:
    """Return of these jobs those in the ledger, each with whether it may still read its source.

    A job that failed before its split may be resumed, unless its source was rejected: such an error begins with the
    path. Others are of the machine or the domain, and the job continues once they are fixed.
    """
    cursor.execute(
        "SELECT job_id, NOT (state = 'completed' AND rows_dead = 0 OR state = 'failed' AND plan IS NULL"
        " AND starts_with(coalesce(error, ''), source || ': ')) FROM jobs WHERE job_id = ANY(%s)",
        (list(job_ids),),
    )
    return dict(cursor.fetchall())


def _chunk(row: tuple[Any, ...]) -> ChunkState:
    values = dict(zip(CHUNK_FIELDS, row, strict=True))
    seconds = values["stages"]
    values["stages"] = None if seconds is None else Stages(**dict(zip(STAGE_NAMES, seconds, strict=True)))
    return ChunkState(**values)
