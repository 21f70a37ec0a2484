"""The inbox's memory: which files were seen, and which content is a job already."""

from __future__ import annotations

from dataclasses import dataclass

from pc_worker.store.connection import Cursor

SEE = """
INSERT INTO inbox_files (path, domain, size, mtime_ns) VALUES (%(path)s, %(domain)s, %(size)s, %(mtime_ns)s)
ON CONFLICT (path) DO UPDATE SET seen_at = now(), domain = excluded.domain,
    digest = CASE WHEN (inbox_files.size, inbox_files.mtime_ns) = (excluded.size, excluded.mtime_ns)
                  THEN inbox_files.digest END,
    size = excluded.size, mtime_ns = excluded.mtime_ns
RETURNING digest, (SELECT (old.size, old.mtime_ns) = (%(size)s, %(mtime_ns)s)
                   FROM inbox_files old WHERE old.path = %(path)s)
"""
TAKE_UP = "UPDATE inbox_files SET digest = %s, job_id = %s WHERE path = %s"


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxFile:
    """A file as a scan finds it."""

    path: str
    domain: str
    size: int
    mtime_ns: int


def see_file(cursor: Cursor, file: InboxFile) -> bool:
    """Note a file; True if it is as the last scan saw it and nobody has taken it up yet."""
    values = {"path": file.path, "domain": file.domain, "size": file.size, "mtime_ns": file.mtime_ns}
    cursor.execute(SEE, values)
    digest, unchanged = cursor.fetchone() or (None, None)
    return digest is None and bool(unchanged)


def take_up(cursor: Cursor, path: str, *, digest: str, job_id: str) -> None:
    """Note which content the file has and which job it became."""
    cursor.execute(TAKE_UP, (digest, job_id, path))
