"""Submit a source: check the request and write a queued job, which an ingest message then carries out.

A job's id stands for one request: the same one may come again, as messages do; another one is refused.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

from pc_worker.domains import Options, check_options, get_domain
from pc_worker.errors import InvalidRequest, PcWorkerError
from pc_worker.model import DEFAULT_CHUNK_ROWS, MAX_CHUNK_ROWS, Job
from pc_worker.services.dependencies import Services
from pc_worker.services.sources import read_options
from pc_worker.store.ledger import jobs

MOST_DEAD = 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestRequest:
    """What is asked of one ingest.

    Attributes:
        path, domain, chunk_size, options: The source, and how its rows are understood.
        max_dead: Dead rows that still count as completed.
        delimiter, encoding, sheet: What is said about the file instead of being found out; see ``ReadOptions``.
    """

    path: str
    domain: str
    chunk_size: int = DEFAULT_CHUNK_ROWS
    max_dead: int = 0
    options: Options = field(default_factory=Options)
    delimiter: str | None = None
    encoding: str | None = None
    sheet: str | None = None

    def check(self) -> None:
        """Check everything that can be known without the file.

        Raises:
            InvalidRequest: Naming what is wrong.
        """
        check_options(get_domain(self.domain), self.options)
        read_options(self.delimiter, self.encoding, self.sheet)
        if not 1 <= self.chunk_size <= MAX_CHUNK_ROWS:
            raise InvalidRequest(f"chunk_size must be 1 to {MAX_CHUNK_ROWS}, not {self.chunk_size}")
        if not 0 <= self.max_dead <= MOST_DEAD:
            raise InvalidRequest(f"max_dead must be 0 to {MOST_DEAD}, not {self.max_dead}")

    def to_dict(self) -> dict[str, Any]:
        """As the ledger keeps it."""
        reading = {"delimiter": self.delimiter, "encoding": self.encoding, "sheet": self.sheet}
        return {"chunk_size": self.chunk_size, "options": self.options.to_dict(), "reading": reading}


def submit(services: Services, request: IngestRequest, job_id: str, *, any_path: bool = False) -> bool:
    """Write the job as queued; False if it is there already: it is left as it is, so a message may come again.

    Args:
        services: This process's connections.
        request: What is asked for.
        job_id: The job's id.
        any_path: The id stands for the source's content: another path with it is the same request.

    Raises:
        InvalidRequest: If the request is wrong; the job is kept as failed, with the reason. If the id is another
            request's; that job stays as it is.
    """
    with services.database.transaction() as cursor:
        is_new = jobs.create_job(
            cursor,
            job_id=job_id,
            domain=request.domain,
            source=os.path.abspath(request.path),
            request=request.to_dict(),
            max_dead=min(max(0, request.max_dead), MOST_DEAD),
        )
        job = jobs.find_job(cursor, job_id)
    if not is_new and (others := _differences(job, request, any_path=any_path)):
        raise InvalidRequest(f"job {job_id} is there already, with another {' and another '.join(others)}")
    try:
        request.check()
    except PcWorkerError as exc:
        with services.database.transaction() as cursor:
            jobs.fail_job(cursor, job_id, str(exc))
        raise
    return is_new


def refuse(services: Services, job_id: str, *, domain: str, source: str, error: str) -> bool:
    """Leave a failed job for a call that was refused; False if the id is taken: that job stays as it is."""
    request = IngestRequest(path=source, domain=domain).to_dict()
    with services.database.transaction() as cursor:
        is_new = jobs.create_job(cursor, job_id=job_id, domain=domain, source=source, request=request, max_dead=0)
        return is_new and jobs.fail_job(cursor, job_id, error)


def give_up_unplanned(services: Services, job_id: str, error: str) -> bool:
    """End a job that has not been split as failed; False if it has been, or has ended."""
    with services.database.transaction() as cursor:
        return jobs.find_job(cursor, job_id, lock=True).plan is None and jobs.fail_job(cursor, job_id, error)


def _differences(job: Job, request: IngestRequest, *, any_path: bool) -> list[str]:
    """Say in what a request differs from a job's, each as "NAME (OLD, not NEW)"."""
    old = {"path": job.source, "domain": job.domain, "max_dead": job.max_dead, **_flat(job.request)}
    new = {
        "path": job.source if any_path else os.path.abspath(request.path),
        "domain": request.domain,
        "max_dead": request.max_dead,
        **_flat(request.to_dict()),
    }
    return [f"{name} ({old.get(name)!r}, not {value!r})" for name, value in new.items() if old.get(name) != value]


def _flat(request: dict[str, Any]) -> dict[str, Any]:
    return {"chunk_size": request.get("chunk_size"), **request.get("options", {}), **(request.get("reading") or {})}
