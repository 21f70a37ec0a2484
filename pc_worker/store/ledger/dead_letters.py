"""Dead letters in the ledger: found, moved to another outcome, and counted where their rows were counted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby, islice
from operator import itemgetter
from typing import Literal

from pc_worker.store.db.connection import Cursor, Database
from pc_worker.store.ledger.jobs import judge_job

LetterOutcome = Literal["written", "unchanged", "skipped"]
#: A letter's job and row number.
LetterId = tuple[str, int]

#: Letters moved in one transaction.
BATCH = 1000

NAMES = ("job_id", "row_no", "chunk_no", "domain", "reason", "created_at")
LIST = f"""
SELECT {", ".join(NAMES)} FROM dead_letters WHERE %s::text IS NULL OR job_id = %s ORDER BY created_at, job_id, row_no
"""
FORMS = "SELECT row_no, normal_form FROM dead_letters WHERE job_id = %s AND row_no = ANY (%s)"
REASON = "SELECT reason FROM dead_letters WHERE job_id = %s AND row_no = %s"
OCCURRENCE = """
SELECT coalesce((c.occurrences ->> %s::text)::integer, 0) FROM chunks c
WHERE c.job_id = %s AND %s BETWEEN c.first_row AND c.first_row + c.row_count - 1
"""
MOVE = """
WITH gone AS (
    DELETE FROM dead_letters WHERE job_id = %(job_id)s AND row_no = ANY (%(row_nos)s) RETURNING chunk_no
), counted AS (
    SELECT chunk_no, count(*) AS letters FROM gone GROUP BY chunk_no
), recounted AS (
    UPDATE chunks c SET dead = dead - letters, {outcome} = {outcome} + letters
    FROM counted WHERE c.job_id = %(job_id)s AND c.chunk_no = counted.chunk_no
)
UPDATE jobs
SET rows_dead = rows_dead - moved, rows_{outcome} = rows_{outcome} + moved, texts_encoded = texts_encoded + %(texts)s
FROM (SELECT count(*) AS moved FROM gone) AS sum WHERE job_id = %(job_id)s AND moved > 0 RETURNING moved
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredLetter:
    """A refused row as it is kept, without its normal form, which may be large: see ``normal_forms``."""

    job_id: str
    row_no: int
    chunk_no: int
    domain: str
    reason: str
    created_at: datetime


def list_letters(cursor: Cursor, job_id: str | None = None) -> list[StoredLetter]:
    """Give all dead letters, or those of one job, oldest first."""
    cursor.execute(LIST, (job_id, job_id))
    return [StoredLetter(**dict(zip(NAMES, row, strict=True))) for row in cursor.fetchall()]


def normal_forms(cursor: Cursor, job_id: str, row_nos: Sequence[int]) -> dict[int, str | None]:
    """Give rows of a job as JSON text; None for one that could not even be read, none for a letter that is gone."""
    cursor.execute(FORMS, (job_id, list(row_nos)))
    return dict(cursor.fetchall())


def reason(cursor: Cursor, job_id: str, row_no: int) -> str | None:
    """Give why a row is dead now; None if it no longer is."""
    cursor.execute(REASON, (job_id, row_no))
    row = cursor.fetchone()
    return None if row is None else str(row[0])


def occurrence(cursor: Cursor, job_id: str, row_no: int) -> int:
    """Give the row's number among its equals, where keys are made from content."""
    cursor.execute(OCCURRENCE, (row_no, job_id, row_no))
    row = cursor.fetchone()
    return 0 if row is None else int(row[0])


def move_letters(
    cursor: Cursor, job_id: str, row_nos: Sequence[int], *, outcome: LetterOutcome, texts_encoded: int = 0
) -> int:
    """Take a job's letters out, count their rows as ``outcome`` and judge it anew; gives how many there still were."""
    values = {"job_id": job_id, "row_nos": list(row_nos), "texts": texts_encoded}
    cursor.execute(MOVE.format(outcome=outcome), values)
    row = cursor.fetchone()
    if row is None:
        return 0
    judge_job(cursor, job_id)
    return int(row[0])


def drop_letters(database: Database, places: Sequence[LetterId]) -> int:
    """Take letters out: their rows count as skipped from now on. Gives how many there still were."""
    return sum(_drop(database, job_id, row_nos) for job_id, row_nos in by_job(places, BATCH))


def _drop(database: Database, job_id: str, row_nos: Sequence[int]) -> int:
    return database.repeat(lambda cursor: move_letters(cursor, job_id, row_nos, outcome="skipped"))


def by_job(places: Sequence[LetterId], most: int) -> Iterator[tuple[str, list[int]]]:
    """Give row numbers of one job each, ``most`` at once, in their order.

    >>> list(by_job([("a", 1), ("a", 2), ("a", 3), ("b", 1)], 2))
    [('a', [1, 2]), ('a', [3]), ('b', [1])]
    """
    for job_id, group in groupby(places, itemgetter(0)):
        while some := list(islice(group, most)):
            yield job_id, [row_no for _, row_no in some]
