"""Marks of what was forgotten: no job that began before brings it back.

A mark keeps a number of the jobs' own sequence, so that "before" has one meaning, whatever the clocks say. Whoever
notes marks, and whoever commits rows, holds the domain's lock at the commit: each sees what the other did.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from uuid import UUID

from pc_worker.model import read_uuid
from pc_worker.store.db.connection import Cursor

#: Longer than a chunk is at work, from looking its keys up to its commit.
LATELY_S = 900.0

NEXT = "SELECT nextval('job_sequence')"
NOTE = """
INSERT INTO forgotten (domain, mark, seq) SELECT %s, mark, %s FROM unnest(%s::bytea[]) AS m (mark) ORDER BY mark
ON CONFLICT (domain, mark)
DO UPDATE SET seq = greatest(forgotten.seq, excluded.seq), forgotten_at = excluded.forgotten_at
"""
ANY = "SELECT EXISTS (SELECT FROM forgotten WHERE domain = %s AND seq > %s)"
LATELY = "SELECT EXISTS (SELECT FROM forgotten WHERE domain = %s AND forgotten_at > now() - make_interval(secs => %s))"
MARKED = "SELECT mark FROM forgotten WHERE domain = %s AND seq > %s AND mark = ANY (%s)"
# A job that ended well without dead letters never writes again; one that has not started takes a later number.
PURGE = """
DELETE FROM forgotten f WHERE NOT EXISTS (
    SELECT FROM jobs j WHERE j.domain = f.domain AND j.seq < f.seq
        AND (j.state NOT IN ('completed', 'partial') OR j.rows_dead > 0))
"""


def next_number(cursor: Cursor) -> int:
    """Take a number: jobs that have started have lower ones, jobs that start later get higher ones."""
    cursor.execute(NEXT)
    (number,) = cursor.fetchone() or (0,)
    return int(number)


def row_mark(row_id: UUID) -> bytes:
    """Give the mark of a row."""
    return _mark("row", str(row_id))


def key_mark(scope: str, key: str) -> bytes:
    """Give the mark of a key as it stands in a source: a UUID's is the row's."""
    known = read_uuid(key)
    return _mark("key", scope, key) if known is None else row_mark(known)


def source_mark(source: str) -> bytes:
    """Give the mark of a whole source."""
    return _mark("source", source)


def record_marks(cursor: Cursor, domain: str, marks: Collection[bytes], seq: int) -> None:
    """Keep marks with the number that they were made under; the domain must be locked before the commit."""
    if marks:
        cursor.execute(NOTE, (domain, seq, list(marks)))


def any_after(cursor: Cursor, domain: str, seq: int) -> bool:
    """Tell whether anything of the domain was forgotten after the job of this number began."""
    cursor.execute(ANY, (domain, seq))
    return cursor.fetchone() == (True,)


def any_recently(cursor: Cursor, domain: str) -> bool:
    """Tell whether anything of the domain was forgotten while a chunk may have been at work."""
    cursor.execute(LATELY, (domain, LATELY_S))
    return cursor.fetchone() == (True,)


def marked(cursor: Cursor, domain: str, marks: Collection[bytes], seq: int) -> set[bytes]:
    """Give those of ``marks`` that were made after the job of this number began."""
    cursor.execute(MARKED, (domain, seq, list(marks)))
    return {bytes(mark) for (mark,) in cursor.fetchall()}


def purge_marks(cursor: Cursor) -> int:
    """Remove the marks that no older job can meet any more; gives how many."""
    cursor.execute(PURGE)
    return cursor.rowcount


def _mark(*words: str) -> bytes:
    digest = hashlib.sha256()
    for word in words:
        raw = word.encode("utf-8", "surrogatepass")
        digest.update(len(raw).to_bytes(8, "big") + raw)
    return digest.digest()
