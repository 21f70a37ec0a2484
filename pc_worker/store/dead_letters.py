"""Dead letters in the ledger: found, moved to another outcome, and counted where their rows were counted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pc_worker.errors import Fenced
from pc_worker.store.connection import Cursor
from pc_worker.store.jobs import judge_job

Fate = Literal["written", "unchanged", "skipped"]

COLUMNS = "d.job_id, d.row_no, d.chunk_no, d.domain, d.reason, d.normal_form, d.created_at"
LIST = f"SELECT {COLUMNS} FROM dead_letters d WHERE %s::text IS NULL OR job_id = %s ORDER BY created_at, job_id, row_no"
OCCURRENCE = """
SELECT coalesce((c.occurrences ->> %s::text)::integer, 0) FROM chunks c
WHERE c.job_id = %s AND %s BETWEEN c.first_row AND c.first_row + c.row_count - 1
"""
LOCK = "SELECT 1 FROM dead_letters WHERE job_id = %s AND row_no = %s FOR UPDATE"
REMOVE = "DELETE FROM dead_letters WHERE job_id = %s AND row_no = %s RETURNING chunk_no"
RECOUNT_CHUNK = "UPDATE chunks SET dead = dead - 1, {fate} = {fate} + 1 WHERE job_id = %s AND chunk_no = %s"
RECOUNT_JOB = """
UPDATE jobs SET rows_dead = rows_dead - 1, rows_{fate} = rows_{fate} + 1, texts_encoded = texts_encoded + %s
WHERE job_id = %s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredLetter:
    """A refused row as it is kept; ``normal_form`` is JSON text, null if the row could not even be read."""

    job_id: str
    row_no: int
    chunk_no: int
    domain: str
    reason: str
    normal_form: str | None
    created_at: datetime


def list_letters(cursor: Cursor, job_id: str | None = None) -> list[StoredLetter]:
    """Give all dead letters, or those of one job, oldest first."""
    cursor.execute(LIST, (job_id, job_id))
    names = ("job_id", "row_no", "chunk_no", "domain", "reason", "normal_form", "created_at")
    return [StoredLetter(**dict(zip(names, row, strict=True))) for row in cursor.fetchall()]


def occurrence(cursor: Cursor, job_id: str, row_no: int) -> int:
    """Give the row's number among its equals, where keys are made from content."""
    cursor.execute(OCCURRENCE, (row_no, job_id, row_no))
    row = cursor.fetchone()
    return 0 if row is None else int(row[0])


def move_letter(cursor: Cursor, job_id: str, row_no: int, *, fate: Fate, texts_encoded: int = 0) -> None:
    """Take a letter out and count its row as ``fate``; the job is judged anew.

    Raises:
        Fenced: If the letter is gone: somebody else moved it.
    """
    cursor.execute(REMOVE, (job_id, row_no))
    row = cursor.fetchone()
    if row is None:
        raise Fenced(f"row {row_no} of job {job_id} is no dead letter any more")
    cursor.execute(RECOUNT_CHUNK.format(fate=fate), (job_id, row[0]))
    cursor.execute(RECOUNT_JOB.format(fate=fate), (texts_encoded, job_id))
    judge_job(cursor, job_id)
