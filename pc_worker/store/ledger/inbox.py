"""The inbox's memory: which files were seen, which content is a job already, and which entries were told as bad."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from pc_worker.store.db.connection import Cursor

SEE = """
INSERT INTO inbox_files (path, domain, size, mtime_ns, ctime_ns)
VALUES (%(path)s, %(domain)s, %(size)s, %(mtime_ns)s, %(ctime_ns)s)
ON CONFLICT (path) DO UPDATE SET seen_at = now(), domain = excluded.domain,
    digest = CASE WHEN (inbox_files.size, inbox_files.mtime_ns, coalesce(inbox_files.ctime_ns, excluded.ctime_ns))
                       = (excluded.size, excluded.mtime_ns, excluded.ctime_ns)
                  THEN inbox_files.digest END,
    size = excluded.size, mtime_ns = excluded.mtime_ns, ctime_ns = excluded.ctime_ns
RETURNING digest, (SELECT (old.size, old.mtime_ns) = (%(size)s, %(mtime_ns)s)
                          AND coalesce(old.ctime_ns, %(ctime_ns)s) = %(ctime_ns)s
                   FROM inbox_files old WHERE old.path = %(path)s)
"""
TAKE_UP = "UPDATE inbox_files SET digest = %s, job_id = %s WHERE path = %s"
NOTE = """
INSERT INTO inbox_troubles AS known (entry_hash, entry, reason) VALUES (%s, %s, %s)
ON CONFLICT (entry_hash) DO UPDATE SET reason = excluded.reason, told_at = now() WHERE known.reason <> excluded.reason
RETURNING true
"""
FORGET = "DELETE FROM inbox_troubles WHERE starts_with(entry, %s) AND entry_hash <> ALL (%s::bytea[])"


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxFile:
    """A file as a scan finds it."""

    path: str
    domain: str
    size: int
    mtime_ns: int
    ctime_ns: int


def record_file(cursor: Cursor, file: InboxFile) -> bool:
    """Note a file; True if it is as the last scan saw it and nobody has taken it up yet."""
    values = {
        "path": file.path,
        "domain": file.domain,
        "size": file.size,
        "mtime_ns": file.mtime_ns,
        "ctime_ns": file.ctime_ns,
    }
    cursor.execute(SEE, values)
    digest, unchanged = cursor.fetchone() or (None, None)
    return digest is None and bool(unchanged)


def record_job_of_file(cursor: Cursor, path: str, *, digest: str, job_id: str) -> None:
    """Note which content the file has and which job it became."""
    cursor.execute(TAKE_UP, (digest, job_id, path))


def record_problem(cursor: Cursor, entry_hash: bytes, *, entry: str, reason: str) -> bool:
    """Note what is wrong with an entry; False if that was noted before."""
    cursor.execute(NOTE, (entry_hash, entry, reason))
    return cursor.fetchone() is not None


def delete_solved_problems(cursor: Cursor, inbox: str, *, still: Collection[bytes]) -> None:
    """Forget the entries below ``inbox`` that are no trouble any more, so that one that comes again is told again."""
    cursor.execute(FORGET, (inbox, list(still)))
