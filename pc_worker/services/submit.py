"""Submit a source: check the request and write a queued job, which an ingest message then carries out."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

from pc_worker.domains import Options, check_options, get_domain
from pc_worker.errors import InvalidRequest, PcWorkerError
from pc_worker.services.parts import Parts
from pc_worker.store import jobs

MOST_ROWS_A_CHUNK = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestRequest:
    """What is asked of one ingest; ``max_dead`` = dead rows that still count as completed."""

    path: str
    domain: str
    chunk_size: int = 300
    max_dead: int = 0
    options: Options = field(default_factory=Options)

    def check(self) -> None:
        """Check everything that can be known without the file.

        Raises:
            InvalidRequest: Naming what is wrong.
        """
        check_options(get_domain(self.domain), self.options)
        if not 1 <= self.chunk_size <= MOST_ROWS_A_CHUNK:
            raise InvalidRequest(f"chunk_size must be 1 to {MOST_ROWS_A_CHUNK}, not {self.chunk_size}")
        if self.max_dead < 0:
            raise InvalidRequest(f"max_dead must not be negative, not {self.max_dead}")

    def to_dict(self) -> dict[str, Any]:
        """As the ledger keeps it."""
        return {"chunk_size": self.chunk_size, "options": self.options.to_dict()}


def submit(parts: Parts, request: IngestRequest, job_id: str) -> bool:
    """Write the job as queued; False if the id exists already: that job is left as it is, so a message may come again.

    Raises:
        InvalidRequest: If the request is wrong; the job is kept as failed, with the reason.
    """
    with parts.database.transaction() as cursor:
        is_new = jobs.create_job(
            cursor,
            job_id=job_id,
            domain=request.domain,
            source=os.path.abspath(request.path),
            request=request.to_dict(),
            max_dead=max(0, request.max_dead),
        )
    try:
        request.check()
    except PcWorkerError as exc:
        with parts.database.transaction() as cursor:
            jobs.fail_job(cursor, job_id, str(exc))
        raise
    return is_new
