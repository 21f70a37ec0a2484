"""State of the inbox: files of the last scan, the content that is a job already, and reported problems."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from pc_worker.store.db.connection import Cursor

RECORD_FILE = """
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
# One statement for many files, since most of a scan's are jobs already.
FIND_SETTLED = """
SELECT known.path
FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[])
     AS found (path, domain, size, mtime_ns, ctime_ns)
JOIN inbox_files known USING (path, domain, size, mtime_ns, ctime_ns)
WHERE known.digest IS NOT NULL
"""
RECORD_JOB = "UPDATE inbox_files SET digest = %s, job_id = %s WHERE path = %s"
LAST_JOB = """
SELECT f.job_id, j.job_id IS NOT NULL, j.request ->> 'content'
FROM inbox_files f LEFT JOIN jobs j USING (job_id) WHERE f.path = %s AND f.job_id IS NOT NULL
"""
# Of another path, the last one; of this path, one that a scan made and did not record.
JOB_OF_CONTENT = """
SELECT job_id, source = %(source)s FROM jobs
WHERE domain = %(domain)s AND (job_id = %(first)s OR request ->> 'content' = %(digest)s)
ORDER BY source = %(source)s DESC, seq DESC NULLS FIRST, created_at DESC LIMIT 1
"""
# Jobs without a number have not begun; then the order of their creation counts. A later job that changed no row counts,
# too: its content may have replaced this one's before this job read it. What was forgotten has no job.
HOLDS = """
SELECT j.state NOT IN ('failed', 'cancelled')
   AND NOT EXISTS (
       SELECT FROM jobs k WHERE k.domain = j.domain AND k.job_id <> j.job_id
          AND (k.seq > j.seq OR k.seq IS NULL AND (j.seq IS NOT NULL OR k.created_at > j.created_at))
          AND (k.rows_written + k.rows_unchanged > 0 OR k.state IN ('queued', 'splitting', 'running')))
   AND NOT EXISTS (
       SELECT FROM log_batches b WHERE b.domain = j.domain AND b.job_id IS NULL
          AND b.committed_at > coalesce(j.finished_at, j.created_at))
FROM jobs j WHERE j.job_id = %s
"""
EQUAL_FILES = """
SELECT path, job_id FROM inbox_files
WHERE domain = %s AND digest = %s AND size = %s AND mtime_ns = %s AND path <> %s AND job_id IS NOT NULL
ORDER BY seen_at DESC
"""
RECORD_PROBLEM = """
INSERT INTO inbox_troubles AS known (entry_hash, entry, reason) VALUES (%s, %s, %s)
ON CONFLICT (entry_hash) DO UPDATE SET reason = excluded.reason, told_at = now() WHERE known.reason <> excluded.reason
RETURNING true
"""
DELETE_SOLVED = "DELETE FROM inbox_troubles WHERE starts_with(entry, %s) AND entry_hash <> ALL (%s::bytea[])"


@dataclass(frozen=True, slots=True)
class LastJob:
    """The last job of a file: whether it is still in the ledger, and the digest of its content, if that is known."""

    job_id: str
    exists: bool
    content: str | None


@dataclass(frozen=True, slots=True)
class ContentJob:
    """The last job of a content, and whether the same path was its source."""

    job_id: str
    same_path: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxFile:
    """A file as a scan found it; sizes in bytes, times in nanoseconds."""

    path: str
    domain: str
    size: int
    mtime_ns: int
    ctime_ns: int


def find_settled(cursor: Cursor, files: Sequence[InboxFile]) -> set[str]:
    """Return the paths of those files that are unchanged since they became a job."""
    columns = zip(*((file.path, file.domain, file.size, file.mtime_ns, file.ctime_ns) for file in files), strict=True)
    cursor.execute(FIND_SETTLED, [list(column) for column in columns])
    return {path for (path,) in cursor.fetchall()}


def record_file(cursor: Cursor, file: InboxFile) -> bool:
    """Record a file; return whether it is unchanged since the last scan and is no job yet."""
    values = {
        "path": file.path,
        "domain": file.domain,
        "size": file.size,
        "mtime_ns": file.mtime_ns,
        "ctime_ns": file.ctime_ns,
    }
    cursor.execute(RECORD_FILE, values)
    digest, unchanged = cursor.fetchone() or (None, None)
    return digest is None and bool(unchanged)


def record_job_of_file(cursor: Cursor, path: str, *, digest: str, job_id: str) -> None:
    """Record the digest of the file and the job that ingests it."""
    cursor.execute(RECORD_JOB, (digest, job_id, path))


def last_job(cursor: Cursor, path: str) -> LastJob | None:
    """Return the last job of a file; None if it has had none."""
    cursor.execute(LAST_JOB, (path,))
    row = cursor.fetchone()
    return None if row is None else LastJob(*row)


def job_of_content(cursor: Cursor, domain: str, digest: str, *, source: str, first: str) -> ContentJob:
    """Return the domain's last job of a content, preferably of this ``source``.

    ``first`` is the id of the first such job, which is stored; an earlier version may have stored no content with it.
    """
    values = {"domain": domain, "digest": digest, "source": source, "first": first}
    cursor.execute(JOB_OF_CONTENT, values)
    return ContentJob(*(cursor.fetchone() or (first, False)))


def equal_files(cursor: Cursor, file: InboxFile, digest: str) -> list[tuple[str, str]]:
    """Return other files of this content, with the same time of the last change, and the job of each; last seen first.

    A file may be there no longer; then it may have been renamed.
    """
    cursor.execute(EQUAL_FILES, (file.domain, digest, file.size, file.mtime_ns, file.path))
    return cursor.fetchall()


def still_holds(cursor: Cursor, job_id: str) -> bool | None:
    """Return whether the domain still holds what a job wrote or will write, as far as is known; None: no such job.

    Not if the job failed or was cancelled, a later job had rows or still may, or rows were forgotten since.
    """
    cursor.execute(HOLDS, (job_id,))
    row = cursor.fetchone()
    return None if row is None else bool(row[0])


def record_problem(cursor: Cursor, entry_hash: bytes, *, entry: str, reason: str) -> bool:
    """Record the problem of an entry; return False if the same problem is recorded already."""
    cursor.execute(RECORD_PROBLEM, (entry_hash, entry, reason))
    return cursor.fetchone() is not None


def delete_solved_problems(cursor: Cursor, inbox: str, *, still: Collection[bytes]) -> None:
    """Delete the problems below ``inbox`` except ``still``, so that a problem that occurs again is reported again."""
    cursor.execute(DELETE_SOLVED, (inbox, list(still)))
