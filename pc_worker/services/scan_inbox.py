"""Scan the inbox: a file that has stopped changing becomes a job, once for each content; safe to run twice at once."""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

from pc_worker.domains import domain_names
from pc_worker.errors import InputRefused
from pc_worker.services.parts import Parts
from pc_worker.services.submit import IngestRequest, submit
from pc_worker.store.inbox import InboxFile, see_file, take_up

#: Names that writers use for files they have not finished.
UNFINISHED = (".tmp", ".part", ".partial", ".crdownload", "~")
#: Makes the same job of the same content, whoever scans.
NAMESPACE = uuid.UUID("6f1f3f34-9d43-4a0e-8f43-0d7c1a2b5e11")
BLOCK = 1024 * 1024


def scan_inbox(parts: Parts, inbox: Path) -> list[str]:
    """Give the ids of the jobs to send for files that are new and, between two scans, unchanged."""
    job_ids = []
    for file in _files(inbox):
        with parts.database.transaction() as cursor:
            ready = see_file(cursor, file)
        if ready and (job_id := _take_up(parts, file)) is not None:
            job_ids.append(job_id)
    return job_ids


def _files(inbox: Path) -> Iterator[InboxFile]:
    for domain in domain_names():
        folder = inbox / domain
        if not folder.is_dir():
            continue
        for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
            if entry.name.startswith(".") or entry.name.endswith(UNFINISHED) or not entry.is_file():
                continue
            found = entry.stat()
            yield InboxFile(path=entry.path, domain=domain, size=found.st_size, mtime_ns=found.st_mtime_ns)


def _take_up(parts: Parts, file: InboxFile) -> str | None:
    try:
        parts.sources.check(file.path)
        digest = _digest(file.path)
    except (OSError, InputRefused):  # gone or unreadable: the next scan sees it again
        return None
    job_id = str(uuid.uuid5(NAMESPACE, f"{file.domain}\n{digest}"))
    # The job first: were the file noted before, a crash between the two would lose it.
    is_new = submit(parts, IngestRequest(path=file.path, domain=file.domain), job_id)
    with parts.database.transaction() as cursor:
        take_up(cursor, file.path, digest=digest, job_id=job_id)
    return job_id if is_new else None


def _digest(path: str) -> str:
    digest = hashlib.blake2b(digest_size=32)
    with open(path, "rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()
