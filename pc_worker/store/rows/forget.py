"""Find what is stored of rows that are to be forgotten, and delete it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pc_worker.store.db.connection import Cursor, uuid_array

LOCK_ROWS = """
SELECT row_id FROM rows WHERE domain = %s AND row_id = ANY (%s::uuid[]) AND seen_seq < %s ORDER BY row_id FOR UPDATE
"""
LOCK_SOURCE = """
SELECT row_id FROM rows WHERE domain = %(domain)s AND source = %(source)s
                          AND seen_seq < %(before)s
                          AND (%(after)s::uuid IS NULL OR row_id > %(after)s::uuid)
ORDER BY row_id LIMIT %(limit)s FOR UPDATE
"""
# Vectors and terms are deleted with the row, by cascade.
DELETE_ROWS = "DELETE FROM rows WHERE domain = %s AND row_id = ANY (%s::uuid[])"
DELETE_IDENTITIES = """
DELETE FROM identities i WHERE i.domain = %s AND i.row_id = ANY (%s::uuid[])
    AND NOT EXISTS (SELECT FROM rows r WHERE r.domain = i.domain AND r.row_id = i.row_id)
"""
LOGGED = "SELECT DISTINCT row_id FROM log WHERE domain = %s AND row_id = ANY (%s::uuid[])"
KEYS = "SELECT row_id, scope, key FROM identities WHERE domain = %s AND row_id = ANY (%s::uuid[])"
# A letter stores only its row's normal form: those that contain the key's text anywhere are candidates.
LETTERS_WITH = """
SELECT d.job_id, d.row_no, d.row_id, d.normal_form, j.plan ->> 'key', j.plan ->> 'scope' FROM dead_letters d
JOIN jobs j USING (job_id)
WHERE d.domain = %(domain)s AND (d.row_id = ANY (%(ids)s::uuid[])
   OR EXISTS (SELECT FROM unnest(%(texts)s::text[]) AS key WHERE strpos(lower(d.normal_form), lower(key)) > 0))
ORDER BY d.job_id, d.row_no
"""
LETTERS_OF_SOURCE = """
SELECT d.job_id, d.row_no FROM dead_letters d JOIN jobs j USING (job_id)
WHERE d.domain = %s AND j.plan ->> 'source' = %s AND j.seq < %s ORDER BY d.job_id, d.row_no
"""
# Of the same names for rows: a source's, or the whole domain's. A letter without its row is of one that was not read.
UNIDENTIFIED = """
SELECT j.job_id FROM jobs j
WHERE j.domain = %(domain)s AND j.seq >= %(seq)s AND j.plan ->> 'scope' IS NOT DISTINCT FROM %(scope)s
  AND (EXISTS (SELECT FROM chunks c WHERE c.job_id = j.job_id AND c.unidentified)
       OR EXISTS (SELECT FROM dead_letters d
                  WHERE d.job_id = j.job_id AND d.normal_form IS NULL AND d.row_id IS NULL))
ORDER BY j.seq DESC LIMIT 1
"""
SOURCE_KNOWN = """
SELECT EXISTS (SELECT FROM rows WHERE domain = %(domain)s AND source = %(source)s)
    OR EXISTS (SELECT FROM jobs WHERE domain = %(domain)s AND plan ->> 'source' = %(source)s)
"""


@dataclass(frozen=True, slots=True)
class Key:
    """The name of a row in sources; ``scope`` = the source, or "" where keys are valid for the whole domain."""

    row_id: UUID
    scope: str | None
    text: str


@dataclass(frozen=True, slots=True)
class LetterCandidate:
    """A dead letter that may belong to a forgotten row: its normal form, and the key column of its job."""

    job_id: str
    row_no: int
    row_id: UUID | None
    normal_form: str | None
    key_column: str | None
    scope: str | None


def lock_rows(cursor: Cursor, domain: str, ids: Sequence[UUID], *, before: int) -> list[UUID]:
    """Lock and return those of ``ids`` that are stored and that no job from number ``before`` on has seen."""
    cursor.execute(LOCK_ROWS, (domain, uuid_array(ids), before))
    return [UUID(row_id) for (row_id,) in cursor.fetchall()]


def lock_rows_of_source(
    cursor: Cursor, domain: str, source: str, *, before: int, after: UUID | None, limit: int
) -> list[UUID]:
    """Lock and return the source's next rows after the id ``after`` that no job from number ``before`` on has seen."""
    values = {"domain": domain, "source": source, "before": before, "limit": limit, "after": after and str(after)}
    cursor.execute(LOCK_SOURCE, values)
    return [UUID(row_id) for (row_id,) in cursor.fetchall()]


def delete_rows(cursor: Cursor, domain: str, ids: Sequence[UUID], named: Sequence[UUID] = ()) -> None:
    """Delete the locked rows ``ids`` with their vectors and terms; delete the identities of those not stored any more.

    The identities of ``named`` rows are deleted as well, unless such a row is stored: a later job has written it.
    """
    cursor.execute(DELETE_ROWS, (domain, uuid_array(ids)))
    cursor.execute(DELETE_IDENTITIES, (domain, uuid_array([*ids, *named])))


def logged_rows(cursor: Cursor, domain: str, ids: Sequence[UUID]) -> set[UUID]:
    """Return those of ``ids`` that are, or once were, in the domain."""
    cursor.execute(LOGGED, (domain, uuid_array(ids)))
    return {UUID(row_id) for (row_id,) in cursor.fetchall()}


def source_is_known(cursor: Cursor, domain: str, source: str) -> bool:
    """Return whether the domain has rows or jobs of a source of this name."""
    cursor.execute(SOURCE_KNOWN, {"domain": domain, "source": source})
    return cursor.fetchone() == (True,)


def unidentified_in(cursor: Cursor, domain: str, *, scope: str | None, seq: int) -> str | None:
    """Return the last job from number ``seq`` on with a dead or dropped row whose key is not known, if there is one.

    Such a row may be any of the stored ones of its ``scope``.
    """
    cursor.execute(UNIDENTIFIED, {"domain": domain, "scope": scope, "seq": seq})
    row = cursor.fetchone()
    return None if row is None else str(row[0])


def keys_of(cursor: Cursor, domain: str, ids: Sequence[UUID]) -> list[Key]:
    """Return the names of these rows in sources: their stored keys, and the UUIDs themselves in any scope."""
    cursor.execute(KEYS, (domain, uuid_array(ids)))
    stored = [Key(UUID(row_id), scope, key) for row_id, scope, key in cursor.fetchall()]
    return stored + [Key(row_id, None, str(row_id)) for row_id in ids]


def candidate_letters(cursor: Cursor, domain: str, ids: Sequence[UUID], texts: Sequence[str]) -> list[LetterCandidate]:
    """Return dead letters of these rows, and those whose normal form contains one of ``texts``."""
    cursor.execute(LETTERS_WITH, {"domain": domain, "ids": uuid_array(ids), "texts": list(texts)})
    return [_candidate(*row) for row in cursor.fetchall()]


def _candidate(job_id: str, row_no: int, row_id: str | None, *rest: Any) -> LetterCandidate:
    return LetterCandidate(job_id, row_no, None if row_id is None else UUID(row_id), *rest)


def letters_of_source(cursor: Cursor, domain: str, source: str, *, before: int) -> list[tuple[str, int]]:
    """Return job and row number of every dead letter that jobs before this number have of a source."""
    cursor.execute(LETTERS_OF_SOURCE, (domain, source, before))
    return [(job_id, row_no) for job_id, row_no in cursor.fetchall()]
