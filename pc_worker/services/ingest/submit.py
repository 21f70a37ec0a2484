"""Submit a source: check the request and write a queued job; its ingest message then starts the work.

A job's id belongs to one request. The same request may be repeated, as messages are; another one is invalid.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pc_worker.domains import Options, check_options, get_domain
from pc_worker.errors import InvalidOption, InvalidRequest, PcWorkerError
from pc_worker.model import MAX_CHUNK_ROWS, Job
from pc_worker.services.dependencies import Services
from pc_worker.services.sources import read_options, whole_path
from pc_worker.store.ledger import jobs

MAX_DEAD = 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestRequest:
    """The request for one ingest.

    Attributes:
        path, domain, options: The source, and how its rows are read.
        chunk_size: Rows per chunk; None = the setting's value.
        max_dead: Dead rows with which the job still ends as completed.
        delimiter, encoding, sheet: What is set instead of being detected in the file; see ``ReadOptions``.
        content: Digest of the source, if another content with the same job id is another request.
    """

    path: str
    domain: str
    chunk_size: int | None = None
    max_dead: int = 0
    options: Options = field(default_factory=Options)
    delimiter: str | None = None
    encoding: str | None = None
    sheet: str | None = None
    content: str | None = None

    def check(self) -> None:
        """Check everything that can be checked without the file.

        Raises:
            InvalidRequest: If something is wrong, with the reason.
        """
        check_options(get_domain(self.domain), self.options)
        read_options(self.delimiter, self.encoding, self.sheet)
        if len(set(self.options.text_columns)) < len(self.options.text_columns):
            raise InvalidOption("the text columns hold a name twice: give each once")
        if self.chunk_size is not None and not 1 <= self.chunk_size <= MAX_CHUNK_ROWS:
            raise InvalidRequest(f"chunk_size must be 1 to {MAX_CHUNK_ROWS}, not {self.chunk_size}")
        if not 0 <= self.max_dead <= MAX_DEAD:
            raise InvalidRequest(f"max_dead must be 0 to {MAX_DEAD}, not {self.max_dead}")

    def to_dict(self, *, chunk_rows: int) -> dict[str, Any]:
        """Return the request as the ledger stores it; ``chunk_rows`` = the chunk size if the request has none."""
        reading = {"delimiter": self.delimiter, "encoding": self.encoding, "sheet": self.sheet}
        chunk_size = chunk_rows if self.chunk_size is None else self.chunk_size
        request = {"chunk_size": chunk_size, "options": self.options.to_dict(), "reading": reading}
        return request if self.content is None else request | {"content": self.content}


def submit(services: Services, request: IngestRequest, job_id: str, *, any_path: bool = False) -> bool:
    """Write the job as queued; return False if it exists already. An existing job is not changed.

    Args:
        services: This process's shared dependencies.
        request: The request.
        job_id: The job's id.
        any_path: The id belongs to the source's content: another path with it is the same request.

    Raises:
        InvalidRequest: If the request is wrong; the job is stored as failed, with the reason. Also if the id belongs
            to another request; that job is not changed.
    """
    with services.database.transaction() as cursor:
        is_new = jobs.create_job(
            cursor,
            job_id=job_id,
            domain=request.domain,
            source=whole_path(request.path),
            request=request.to_dict(chunk_rows=services.chunk_rows),
            max_dead=min(max(0, request.max_dead), MAX_DEAD),
        )
        job = jobs.find_job(cursor, job_id)
    if not is_new and (others := _differences(services, job, request, any_path=any_path)):
        raise InvalidRequest(f"job {job_id} is there already, with another {' and another '.join(others)}")
    try:
        request.check()
    except PcWorkerError as exc:
        with services.database.transaction() as cursor:
            jobs.fail_job(cursor, job_id, str(exc), code=exc.code)
        raise
    return is_new


def submit_failed(services: Services, job_id: str, *, domain: str, source: str, error: str) -> bool:
    """Write a failed job for an invalid call; return False if the id is taken: that job is not changed."""
    request = IngestRequest(path=source, domain=domain).to_dict(chunk_rows=services.chunk_rows)
    with services.database.transaction() as cursor:
        is_new = jobs.create_job(cursor, job_id=job_id, domain=domain, source=source, request=request, max_dead=0)
        return is_new and jobs.fail_job(cursor, job_id, error)


def fail_before_split(services: Services, job_id: str, error: str) -> bool:
    """Fail a job that is not split yet; return False if it is split or has ended."""
    with services.database.transaction() as cursor:
        return jobs.find_job(cursor, job_id, lock=True).plan is None and jobs.fail_job(cursor, job_id, error)


def _differences(services: Services, job: Job, request: IngestRequest, *, any_path: bool) -> list[str]:
    """Return how a request differs from a job's, each as "NAME (OLD, not NEW)"."""
    old = {"path": job.source, "domain": job.domain, "max_dead": job.max_dead, **_flat(job.request)}
    new = {
        "path": job.source if any_path else whole_path(request.path),
        "domain": request.domain,
        "max_dead": request.max_dead,
        **_flat(request.to_dict(chunk_rows=services.chunk_rows)),
    }
    if "content" not in old:  # a job of an earlier version says nothing of it
        new.pop("content", None)
    return [f"{name} ({old.get(name)!r}, not {value!r})" for name, value in new.items() if old.get(name) != value]


def _flat(request: dict[str, Any]) -> dict[str, Any]:
    # A request that says nothing of the content, as a worker's message does not, has no other one.
    named = {name: request[name] for name in ("chunk_size", "content") if name in request}
    return {**named, **request.get("options", {}), **(request.get("reading") or {})}
