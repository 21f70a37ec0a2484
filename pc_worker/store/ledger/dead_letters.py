"""Dead letters: insert, list, and move to another outcome, with the counts of their chunk and job."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby, islice
from operator import itemgetter
from typing import Literal

from pc_worker.model import DeadLetter, Job
from pc_worker.store.db.connection import Cursor, Database
from pc_worker.store.ledger.jobs import judge_job
from pc_worker.store.ledger.letter_filter import LetterFilter, filter_sql

LetterOutcome = Literal["written", "unchanged", "skipped"]
#: A letter's job and row number.
LetterId = tuple[str, int]
BEFORE_ALL: LetterId = ("", -1)

#: Letters moved in one transaction.
BATCH = 1000

NAMES = ("job_id", "row_no", "chunk_no", "domain", "reason", "created_at")
INSERT = """
INSERT INTO dead_letters (job_id, row_no, chunk_no, domain, row_id, reason, normal_form)
SELECT %s, row_no, %s, %s, row_id, reason, normal_form
FROM unnest(%s::bigint[], %s::uuid[], %s::text[], %s::text[]) AS d (row_no, row_id, reason, normal_form)
ON CONFLICT (job_id, row_no) DO UPDATE SET reason = excluded.reason, normal_form = excluded.normal_form
"""
NEXT = f"""
SELECT {", ".join(NAMES)} FROM dead_letters d
WHERE {filter_sql(job="d.job_id", domain="d.domain", at="d.created_at", reason="d.reason")}
  AND (d.job_id, d.row_no) > (%(after_job)s, %(after_row)s) ORDER BY d.job_id, d.row_no LIMIT %(most)s
"""
FORMS = "SELECT row_no, normal_form FROM dead_letters WHERE job_id = %s AND row_no = ANY (%s)"
REASON = "SELECT reason FROM dead_letters WHERE job_id = %s AND row_no = %s"
#: The time of a letter that this transaction inserted is the transaction's own.
WAS_THERE = "SELECT created_at < now() FROM dead_letters WHERE job_id = %s AND row_no = %s"
OCCURRENCE = """
SELECT coalesce((c.occurrences ->> %s::text)::integer, 0) FROM chunks c
WHERE c.job_id = %s AND %s BETWEEN c.first_row AND c.first_row + c.row_count - 1
"""
# A letter without its row is of one whose key was not read, until a retry reads it.
MOVE = """
WITH gone AS (
    DELETE FROM dead_letters WHERE job_id = %(job_id)s AND row_no = ANY (%(row_nos)s)
    RETURNING chunk_no, normal_form IS NULL AND row_id IS NULL AS unread
), counted AS (
    SELECT chunk_no, count(*) AS letters, bool_or(unread) AS unread FROM gone GROUP BY chunk_no
), recounted AS (
    UPDATE chunks c SET dead = dead - letters, {outcome} = {outcome} + letters,
        unidentified = unidentified OR %(dropped)s AND counted.unread
    FROM counted WHERE c.job_id = %(job_id)s AND c.chunk_no = counted.chunk_no
)
UPDATE jobs
SET rows_dead = rows_dead - moved, rows_{outcome} = rows_{outcome} + moved, texts_encoded = texts_encoded + %(texts)s
FROM (SELECT count(*) AS moved FROM gone) AS sum WHERE job_id = %(job_id)s AND moved > 0 RETURNING moved
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredLetter:
    """A stored dead letter without its normal form, which may be large: see ``normal_forms``."""

    job_id: str
    row_no: int
    chunk_no: int
    domain: str
    reason: str
    created_at: datetime

    @property
    def letter_id(self) -> LetterId:
        """Its job and row number."""
        return self.job_id, self.row_no


def insert_dead_letters(cursor: Cursor, *, job: Job, chunk_no: int, letters: Sequence[DeadLetter]) -> None:
    """Insert dead rows with their reasons; a repeated letter replaces the stored one."""
    if letters:
        numbers = [letter.row_no for letter in letters]
        ids = [None if letter.row_id is None else str(letter.row_id) for letter in letters]
        reasons = [letter.reason for letter in letters]
        forms = [letter.normal_form for letter in letters]
        cursor.execute(INSERT, (job.job_id, chunk_no, job.domain, numbers, ids, reasons, forms))


def next_letters(cursor: Cursor, wanted: LetterFilter, *, after: LetterId, limit: int) -> list[StoredLetter]:
    """Return the next dead letters after a job and row number, in that order; ``BEFORE_ALL`` starts."""
    values = wanted.parameters | {"after_job": after[0], "after_row": after[1], "most": limit}
    cursor.execute(NEXT, values)
    return [StoredLetter(**dict(zip(NAMES, row, strict=True))) for row in cursor.fetchall()]


def normal_forms(cursor: Cursor, job_id: str, row_nos: Sequence[int]) -> dict[int, str | None]:
    """Return rows of a job as JSON text; None for an unreadable row, no entry for a letter that no longer exists."""
    cursor.execute(FORMS, (job_id, list(row_nos)))
    return dict(cursor.fetchall())


def reason(cursor: Cursor, job_id: str, row_no: int) -> str | None:
    """Return why a row is dead now; None if it no longer is."""
    cursor.execute(REASON, (job_id, row_no))
    row = cursor.fetchone()
    return None if row is None else str(row[0])


def was_there(cursor: Cursor, job_id: str, row_no: int) -> bool:
    """Return whether a letter was stored before this transaction, which may have replaced its reason."""
    cursor.execute(WAS_THERE, (job_id, row_no))
    return cursor.fetchone() == (True,)


def occurrence(cursor: Cursor, job_id: str, row_no: int) -> int:
    """Return the row's number among rows of equal content, where keys are made from content."""
    cursor.execute(OCCURRENCE, (row_no, job_id, row_no))
    row = cursor.fetchone()
    return 0 if row is None else int(row[0])


def move_letters(
    cursor: Cursor,
    job_id: str,
    row_nos: Sequence[int],
    *,
    outcome: LetterOutcome,
    texts_encoded: int = 0,
    dropped: bool = False,
) -> int:
    """Delete a job's letters, count their rows as ``outcome`` and judge the job again; return how many there were.

    ``dropped`` = without having been retried: the ledger then remembers that it does not know the rows of some.
    """
    values = {"job_id": job_id, "row_nos": list(row_nos), "texts": texts_encoded, "dropped": dropped}
    cursor.execute(MOVE.format(outcome=outcome), values)
    row = cursor.fetchone()
    if row is None:
        return 0
    judge_job(cursor, job_id)
    return int(row[0])


def drop_letters(database: Database, letters: Sequence[LetterId]) -> int:
    """Delete letters and count their rows as skipped; return how many there were."""
    return sum(_drop(database, job_id, row_nos) for job_id, row_nos in by_job(letters, BATCH))


def _drop(database: Database, job_id: str, row_nos: Sequence[int]) -> int:
    return database.repeat(lambda cursor: move_letters(cursor, job_id, row_nos, outcome="skipped", dropped=True))


def by_job(letters: Sequence[LetterId], most: int) -> Iterator[tuple[str, list[int]]]:
    """Yield row numbers of one job at a time, at most ``most``, in their order.

    >>> list(by_job([("a", 1), ("a", 2), ("a", 3), ("b", 1)], 2))
    [('a', [1, 2]), ('a', [3]), ('b', [1])]
    """
    for job_id, group in groupby(letters, itemgetter(0)):
        while some := list(islice(group, most)):
            yield job_id, [row_no for _, row_no in some]
