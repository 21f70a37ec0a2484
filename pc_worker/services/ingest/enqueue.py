"""Enqueue an ingest for a remote caller: check the request and its path, write the job, send its message."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from pc_worker.errors import NotFound, SourceRejected
from pc_worker.model import Job
from pc_worker.object_urls import is_url, read_url
from pc_worker.services.dependencies import Services
from pc_worker.services.ingest.submit import IngestRequest, submit
from pc_worker.services.jobs.job_control import job_status


def check_request(services: Services, request: IngestRequest) -> None:
    """Check a request and its path, without reading the source.

    Raises:
        InvalidRequest: If something in the request is wrong.
        SourceRejected: If the path is not allowed, or the file cannot be read. Of a path outside the data roots a
            remote caller learns neither whether it exists nor where the roots are. Uploads are not allowed either:
            each belongs to the job of its caller.
    """
    request.check()
    if not _is_allowed(services, request.path):
        raise SourceRejected(f"{request.path}: it lies outside the data roots, which PC_WORKER_DATA_ROOTS sets")
    services.sources.check(request.path)


def _is_allowed(services: Services, path: str) -> bool:
    if is_url(path):
        return services.sources.is_allowed(read_url(path))
    if Path(os.path.realpath(path)).is_relative_to(services.uploads.resolve()):
        return False
    return services.sources.is_allowed(path)


def enqueue(services: Services, request: IngestRequest, job_id: str, *, send: Callable[[Services, Job], None]) -> bool:
    """Write the job and send its message; return False if the job exists already, which is not changed.

    Args:
        services: This process's shared dependencies.
        request: A checked request.
        job_id: The job's id.
        send: Sends what a job needs next.

    Raises:
        InvalidRequest: If the id belongs to another request.
        Unavailable: If a server does not answer.
    """
    is_new = submit(services, request, job_id)
    if is_new:
        send(services, job_status(services, job_id))
    return is_new


def is_known(services: Services, job_id: str) -> bool:
    """Return whether the job is in the ledger."""
    try:
        job_status(services, job_id)
    except NotFound:
        return False
    return True
