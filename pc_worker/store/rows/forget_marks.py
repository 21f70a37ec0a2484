"""Marks of forgotten rows, keys and sources: a job that started before the mark does not write them again.

A mark stores a number of the jobs' own sequence, so that "before" does not depend on clocks. Transactions that store
marks and transactions that write rows both hold the domain's lock at their commit, so each sees the other's result.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from uuid import UUID

from pc_worker.model import read_uuid
from pc_worker.store.db.connection import Cursor

#: Seconds in which passages that a forget left without vectors are looked for.
RECENT_S = 900.0

NEXT = "SELECT nextval('job_sequence')"
RECORD = """
INSERT INTO forgotten (domain, mark, seq) SELECT %s, mark, %s FROM unnest(%s::bytea[]) AS m (mark) ORDER BY mark
ON CONFLICT (domain, mark)
DO UPDATE SET seq = greatest(forgotten.seq, excluded.seq), forgotten_at = excluded.forgotten_at
"""
ANY = "SELECT EXISTS (SELECT FROM forgotten WHERE domain = %s AND seq > %s)"
ANY_AT_ALL = "SELECT EXISTS (SELECT FROM forgotten WHERE domain = %s)"
RECENT = "SELECT EXISTS (SELECT FROM forgotten WHERE domain = %s AND forgotten_at > now() - make_interval(secs => %s))"
MARKED = "SELECT mark FROM forgotten WHERE domain = %s AND seq > %s AND mark = ANY (%s)"
# A job that ended without dead letters never writes again; one that has not started gets a later number. Jobs are read
# as they were when the statement began: a mark that is renewed meanwhile has another number than the one found.
PURGE = """
WITH old AS MATERIALIZED (
    SELECT domain, mark, seq FROM forgotten f WHERE NOT EXISTS (
        SELECT FROM jobs j WHERE j.domain = f.domain AND j.seq < f.seq
            AND (j.state NOT IN ('completed', 'partial') OR j.rows_dead > 0)))
DELETE FROM forgotten f USING old WHERE (f.domain, f.mark, f.seq) = (old.domain, old.mark, old.seq)
"""


def next_number(cursor: Cursor) -> int:
    """Take a number of the job sequence: started jobs have lower numbers, later ones get higher numbers."""
    cursor.execute(NEXT)
    (number,) = cursor.fetchone() or (0,)
    return int(number)


def row_mark(row_id: UUID) -> bytes:
    """Return the mark of a row."""
    return _mark("row", str(row_id))


def key_mark(scope: str, key: str) -> bytes:
    """Return the mark of a key as it is in a source; for a UUID, that of the row."""
    known = read_uuid(key)
    return _mark("key", scope, key) if known is None else row_mark(known)


def source_mark(source: str) -> bytes:
    """Return the mark of a whole source."""
    return _mark("source", source)


def record_marks(cursor: Cursor, domain: str, marks: Collection[bytes], seq: int) -> None:
    """Store marks with their sequence number; the domain must be locked before the commit."""
    if marks:
        cursor.execute(RECORD, (domain, seq, list(marks)))


def any_after(cursor: Cursor, domain: str, seq: int) -> bool:
    """Return whether anything of the domain was forgotten after the job of this number started."""
    cursor.execute(ANY, (domain, seq))
    return cursor.fetchone() == (True,)


def any_left(cursor: Cursor, domain: str) -> bool:
    """Return whether the domain has marks of anything: no clock decides whether a present chunk may write it again."""
    cursor.execute(ANY_AT_ALL, (domain,))
    return cursor.fetchone() == (True,)


def any_recently(cursor: Cursor, domain: str) -> bool:
    """Return whether anything of the domain was forgotten lately."""
    cursor.execute(RECENT, (domain, RECENT_S))
    return cursor.fetchone() == (True,)


def marked(cursor: Cursor, domain: str, marks: Collection[bytes], seq: int) -> set[bytes]:
    """Return those of ``marks`` that were made after the job of this number started."""
    cursor.execute(MARKED, (domain, seq, list(marks)))
    return {bytes(mark) for (mark,) in cursor.fetchall()}


def purge_marks(cursor: Cursor) -> int:
    """Delete the marks that no older job can need any more; return how many."""
    cursor.execute(PURGE)
    return cursor.rowcount


def _mark(*words: str) -> bytes:
    digest = hashlib.sha256()
    for word in words:
        raw = word.encode("utf-8", "surrogatepass")
        digest.update(len(raw).to_bytes(8, "big") + raw)
    return digest.digest()
