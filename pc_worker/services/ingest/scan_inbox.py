"""Scan the inbox: a file that has stopped changing becomes a job, once for each content; safe to run twice at once."""

from __future__ import annotations

import hashlib
import os
import uuid
from pathlib import Path

from pc_worker.domains import domain_names
from pc_worker.errors import Conflict, PcWorkerError, Unavailable
from pc_worker.logs import get_logger
from pc_worker.services.dependencies import Services
from pc_worker.services.ingest.inbox_entries import Trouble, look_through, shown, what_is_wrong
from pc_worker.services.ingest.submit import IngestRequest, submit
from pc_worker.store.db.connection import Cursor
from pc_worker.store.ledger import jobs
from pc_worker.store.ledger.inbox import (
    InboxFile,
    delete_solved_problems,
    record_file,
    record_job_of_file,
    record_problem,
)

log = get_logger(__name__)

#: Makes the same job of the same content, whoever scans.
NAMESPACE = uuid.UUID("6f1f3f34-9d43-4a0e-8f43-0d7c1a2b5e11")


def scan_inbox(services: Services, inbox: Path) -> list[str]:
    """Give the ids of the jobs to send for files that are new and, between two scans, unchanged.

    An entry that cannot be taken up is told once, and as a failed job if it lies where a file does; the others go on.
    """
    job_ids: list[str] = []
    troubles: list[bytes] = []
    for found in look_through(inbox, domain_names(), services.sources.is_allowed):
        outcome = found if isinstance(found, Trouble) else _tried(services, found)
        if isinstance(outcome, Trouble):
            troubles.append(_tell(services, outcome))
        elif outcome is not None:
            job_ids.append(outcome)
    with services.database.transaction() as cursor:
        delete_solved_problems(cursor, shown(os.fspath(inbox)), still=troubles)
    return job_ids


def _tried(services: Services, file: InboxFile) -> str | Trouble | None:
    """Give the job that a file becomes now, if it becomes one."""
    try:
        with services.database.transaction() as cursor:
            ready = record_file(cursor, file)
        return _take_up(services, file) if ready else None
    except (Unavailable, Conflict):
        raise
    except Exception as exc:  # whatever it is, it is this file's
        if isinstance(exc, FileNotFoundError) or isinstance(exc.__cause__, FileNotFoundError):
            return None
        return Trouble(path=file.path, domain=file.domain, reason=_sentence(exc))


def _sentence(error: Exception) -> str:
    if isinstance(error, OSError):
        return what_is_wrong(error)
    return str(error) if isinstance(error, PcWorkerError) else f"{type(error).__name__}: {error}"


def _take_up(services: Services, file: InboxFile) -> str | None:
    digest = _digest(services, file.path)
    job_id = str(uuid.uuid5(NAMESPACE, f"{file.domain}\n{digest}"))
    # The job first: were the file noted before, a crash between the two would lose it.
    is_new = submit(services, IngestRequest(path=file.path, domain=file.domain), job_id, any_path=True)
    with services.database.transaction() as cursor:
        record_job_of_file(cursor, file.path, digest=digest, job_id=job_id)
    return job_id if is_new else None


def _digest(services: Services, path: str) -> str:
    with services.sources.file(path) as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=32)).hexdigest()


def _tell(services: Services, trouble: Trouble) -> bytes:
    """Tell of an entry unless that was done; gives what it is remembered by."""
    path, reason = shown(trouble.path), shown(trouble.reason)
    mark = hashlib.sha256(os.fsencode(trouble.path)).digest()
    with services.database.transaction() as cursor:
        if not record_problem(cursor, mark, entry=path, reason=reason):
            return mark
        if trouble.domain is not None:
            _fail(cursor, trouble, path, trouble.domain, reason)
    log.warning("inbox_entry_refused", entry=path, reason=reason)
    return mark


def _fail(cursor: Cursor, trouble: Trouble, path: str, domain: str, reason: str) -> None:
    """Write a failed job; its source is the path itself where that is text, so that it can be resumed."""
    source = trouble.path if trouble.path.isprintable() else path
    job_id, request = str(uuid.uuid4()), IngestRequest(path=source, domain=domain)
    jobs.create_job(cursor, job_id=job_id, domain=domain, source=source, request=request.to_dict(), max_dead=0)
    jobs.fail_job(cursor, job_id, reason if path in reason else f"{path}: {reason}")
