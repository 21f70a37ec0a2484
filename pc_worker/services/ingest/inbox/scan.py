"""Scan the inbox: a file that has stopped changing becomes a job, once per content; safe to run twice at once."""

from __future__ import annotations

import hashlib
import os
import stat
import uuid
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import islice
from pathlib import Path

from pc_worker.domains import domain_names, get_domain
from pc_worker.errors import Conflict, PcWorkerError, Unavailable
from pc_worker.file_faults import file_fault
from pc_worker.logs import get_logger
from pc_worker.object_urls import ObjectUrl, is_url
from pc_worker.services.dependencies import Services
from pc_worker.services.ingest.inbox.entries import InboxEntry, RejectedEntry, is_unfinished
from pc_worker.services.ingest.submit import IngestRequest, submit
from pc_worker.services.sources import whole_path
from pc_worker.store.db.connection import Cursor
from pc_worker.store.ledger import jobs
from pc_worker.store.ledger.inbox import (
    InboxFile,
    LastJob,
    delete_solved_problems,
    equal_files,
    find_settled,
    job_of_content,
    last_job,
    record_file,
    record_job_of_file,
    record_problem,
    still_holds,
)

log = get_logger(__name__)

#: Entries that are compared with the ledger in one statement.
AT_ONCE = 2000
#: Namespace of the job ids, which are made from what the files hold: any scan of the same files makes the same jobs.
NAMESPACE = uuid.UUID("6f1f3f34-9d43-4a0e-8f43-0d7c1a2b5e11")


def scan_inbox(services: Services, inbox: Path | ObjectUrl) -> list[str]:
    """Return the ids of the jobs to send, one for each file that is new and unchanged since the previous scan.

    A rejected entry is logged once, and is a failed job if it is in a domain's folder; it does not stop the others.
    """
    job_ids: list[str] = []
    rejected: list[bytes] = []
    for found in _unsettled(services, _entries_of(inbox, services)):
        outcome = found if isinstance(found, RejectedEntry) else _job_of(services, found)
        if isinstance(outcome, RejectedEntry):
            rejected.append(_report(services, outcome))
        elif outcome is not None:
            job_ids.append(outcome)
    with services.database.transaction() as cursor:
        delete_solved_problems(cursor, shown(str(inbox)), still=rejected)
    return job_ids


def _unsettled(services: Services, entries: Iterator[InboxEntry]) -> Iterator[InboxEntry]:
    """Yield the entries without the files that became a job and have not changed since: one statement for many."""
    for some in _batches(entries):
        files = [entry for entry in some if isinstance(entry, InboxFile) and _is_storable(entry)]
        settled: set[str] = set()
        if files:
            with services.database.transaction() as cursor:
                settled = find_settled(cursor, files)
        yield from (entry for entry in some if isinstance(entry, RejectedEntry) or entry.path not in settled)


def _batches(entries: Iterator[InboxEntry]) -> Iterator[list[InboxEntry]]:
    """Yield the entries in lists; those before an error of the store come before it."""
    away: Unavailable | None = None
    while away is None:
        some: list[InboxEntry] = []
        try:
            some.extend(islice(entries, AT_ONCE))
        except Unavailable as exc:
            away = exc
        if some:
            yield some
        elif away is None:
            return
    raise away


def _is_storable(file: InboxFile) -> bool:
    """Return whether PostgreSQL can compare a file; if not, that is the error of its own entry alone."""
    numbers = (file.size, file.mtime_ns, file.ctime_ns)
    is_text = "\0" not in file.path and not any("\ud800" <= character <= "\udfff" for character in file.path)
    return is_text and all(-(2**63) <= number < 2**63 for number in numbers)


def _entries_of(inbox: Path | ObjectUrl, services: Services) -> Iterator[InboxEntry]:
    if isinstance(inbox, Path):
        return list_inbox(inbox, domain_names(), services.sources.is_allowed)
    from pc_worker.services.ingest.inbox.objects import list_url_inbox

    return list_url_inbox(inbox, domain_names(), services.sources.is_allowed)


def _job_of(services: Services, file: InboxFile) -> str | RejectedEntry | None:
    """Return the id of the file's new job, None if it becomes no job now, or why it cannot become one."""
    try:
        with services.database.transaction() as cursor:
            ready = record_file(cursor, file)
        return _submit(services, file) if ready else None
    except (Unavailable, Conflict) as exc:
        if not isinstance(exc.__cause__, OSError):
            raise
        # Of this file, as a file system that does not answer: the next scan tries it again.
        log.warning("inbox_file_not_read", path=shown(file.path), reason=str(exc))
        return None
    except Exception as exc:  # any error is this file's alone
        if isinstance(exc, FileNotFoundError) or isinstance(exc.__cause__, FileNotFoundError):
            return None
        return RejectedEntry(path=file.path, domain=file.domain, reason=_sentence(exc))


def _sentence(error: Exception) -> str:
    if isinstance(error, OSError):
        return file_fault(error)
    return str(error) if isinstance(error, PcWorkerError) else f"{type(error).__name__}: {error}"


def _submit(services: Services, file: InboxFile) -> str | None:
    digest = _digest(services, file)
    with services.database.transaction() as cursor:
        last = last_job(cursor, file.path)
        job_id = _first_job_id(cursor, file, digest) if last is None else _next_job_id(file, digest, last)
    # The job first: if the file were recorded first, a crash between the two would lose it.
    is_new = False
    if last is None or not last.exists or last.job_id != job_id:
        request = IngestRequest(path=file.path, domain=file.domain, content=digest)
        is_new = submit(services, request, job_id, any_path=True)
    with services.database.transaction() as cursor:
        record_job_of_file(cursor, file.path, digest=digest, job_id=job_id)
    return job_id if is_new else None


def _first_job_id(cursor: Cursor, file: InboxFile, digest: str) -> str:
    """Return the id of the job of a file that has had none.

    It is made from domain and content: the same content in two places is one job, as long as the domain still holds
    that content. If it does not, the id is made from the last job of the content and the path, unless the file was only
    renamed or moved: its old content must not replace a newer one. In a domain whose keys the file's name scopes, it is
    made from the path, too.
    """
    first, _ = _ids_of(file, digest)
    if get_domain(file.domain).any_table is not None or still_holds(cursor, first) in (True, None):
        return first
    for path, job_id in equal_files(cursor, file, digest):
        if not os.path.lexists(path):
            return job_id
    last = job_of_content(cursor, file.domain, digest, source=whole_path(file.path), first=first)
    if last.same_path or still_holds(cursor, last.job_id):
        return last.job_id
    return _id_after(last.job_id, file, digest)


def _next_job_id(file: InboxFile, digest: str, last: LastJob) -> str:
    """Return the id of the file's last job if it had this content, else one made from that job, path and content.

    What comes back to a file after another content is ingested again, also if another file had the same contents
    before.
    """
    if last.content == digest or last.job_id in _ids_of(file, digest):
        return last.job_id
    return _id_after(last.job_id, file, digest)


def _ids_of(file: InboxFile, digest: str) -> tuple[str, str]:
    """Return the id of the first job of this content, and that of earlier versions."""
    content = f"{file.domain}\n{digest}"
    own = content if get_domain(file.domain).any_table is None else f"{content}\n{file.path}"
    return str(uuid.uuid5(NAMESPACE, own)), str(uuid.uuid5(NAMESPACE, content))


def _id_after(job_id: str, file: InboxFile, digest: str) -> str:
    return str(uuid.uuid5(NAMESPACE, f"{job_id}\n{file.domain}\n{digest}\n{file.path}"))


def _digest(services: Services, found: InboxFile) -> str:
    """Return what identifies the content; of an object its URL and version, so that it need not be read for it."""
    if is_url(found.path):
        return hashlib.blake2b(f"{found.path}\n{found.size}\n{found.ctime_ns}".encode(), digest_size=32).hexdigest()
    with services.sources.file(found.path) as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=32)).hexdigest()


def _report(services: Services, entry: RejectedEntry) -> bytes:
    """Report a rejected entry unless it is reported already; return the hash of its path."""
    path, reason = shown(entry.path), shown(entry.reason)
    mark = hashlib.sha256(os.fsencode(entry.path)).digest()
    with services.database.transaction() as cursor:
        if not record_problem(cursor, mark, entry=path, reason=reason):
            return mark
        if entry.domain is not None:
            _write_failed_job(cursor, services, entry, entry.domain, reason)
    log.warning("inbox_entry_refused", entry=path, reason=reason)
    return mark


def _write_failed_job(cursor: Cursor, services: Services, entry: RejectedEntry, domain: str, reason: str) -> None:
    """Write a failed job; its source is the path itself if that is text, so that the job can be resumed."""
    path = shown(entry.path)
    source = entry.path if entry.path.isprintable() else path
    job_id = str(uuid.uuid4())
    request = IngestRequest(path=source, domain=domain).to_dict(chunk_rows=services.chunk_rows)
    jobs.create_job(cursor, job_id=job_id, domain=domain, source=source, request=request, max_dead=0)
    jobs.fail_job(cursor, job_id, reason if path in reason else f"{path}: {reason}")


def list_inbox(inbox: Path, domains: Collection[str], is_allowed: Callable[[str], bool]) -> Iterator[InboxEntry]:
    """Yield the entries of ``inbox``; an error with one entry does not hide another.

    Args:
        inbox: The folder, with one folder per domain.
        domains: The domains.
        is_allowed: Returns whether a folder, its links followed, is under the data roots.
    """
    for entry in _entries(os.fspath(inbox)):
        if isinstance(entry, RejectedEntry):
            yield entry
        elif entry.name in domains:
            yield from _domain_folder(entry.path, entry.name, is_allowed)
        elif not is_unfinished(entry.name):
            yield RejectedEntry(path=entry.path, reason=f"there is no such domain: files go into {inbox}/<domain>/")


def _domain_folder(path: str, domain: str, is_allowed: Callable[[str], bool]) -> Iterator[InboxEntry]:
    if not is_allowed(path):
        yield RejectedEntry(
            path=path, reason="it leads outside the data roots: set PC_WORKER_DATA_ROOTS, or take it away"
        )
        return
    for entry in _entries(path):
        if isinstance(entry, RejectedEntry):
            yield entry
        elif not is_unfinished(entry.name) and (found := _entry(entry, domain)) is not None:
            yield found


def _entries(folder: str) -> Sequence[os.DirEntry[str] | RejectedEntry]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as exc:
        return [RejectedEntry(path=folder, reason=f"it cannot be listed: {file_fault(exc)}")]


def _entry(entry: os.DirEntry[str], domain: str) -> InboxEntry | None:
    try:
        entry.path.encode()
        found = entry.stat()
    except UnicodeEncodeError:
        return RejectedEntry(path=entry.path, domain=domain, reason="its name is not UTF-8: rename it")
    except FileNotFoundError:  # deleted meanwhile, unless it is a link
        reason = "its symbolic link leads nowhere"
        return RejectedEntry(path=entry.path, domain=domain, reason=reason) if entry.is_symlink() else None
    except OSError as exc:
        return RejectedEntry(path=entry.path, domain=domain, reason=file_fault(exc))
    if stat.S_ISDIR(found.st_mode):
        return RejectedEntry(
            path=entry.path, reason="it is a folder: files are taken from the domain's own folder only"
        )
    if not stat.S_ISREG(found.st_mode):
        return RejectedEntry(path=entry.path, domain=domain, reason="it is no regular file")
    return InboxFile(
        path=entry.path,
        domain=domain,
        size=found.st_size,
        mtime_ns=found.st_mtime_ns,
        ctime_ns=found.st_ctime_ns,
    )


def shown(path: str) -> str:
    r"""Return a path of any bytes as text that can be stored and shown.

    >>> print(shown(os.fsdecode(b"bad\xff\nname")))
    bad\xff\x0aname
    """
    return "".join(c if c.isprintable() else _escaped(c) for c in path)


def _escaped(character: str) -> str:
    raw = "surrogateescape" if "\udc80" <= character <= "\udcff" else "surrogatepass"
    return "".join(f"\\x{byte:02x}" for byte in character.encode("utf-8", raw))
