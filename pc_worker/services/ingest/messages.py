"""Which messages a job needs next: its ingest message, or the chunks that may go to the broker now.

Chunks of a domain with a rate limit wait in the ledger until they are due.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from pc_worker.model import MAX_CHUNK_ROWS, Job
from pc_worker.services.dependencies import Services
from pc_worker.store.db.connection import Cursor
from pc_worker.store.ledger import jobs, leases, rate_limit

#: Jobs of at most this many chunks do not wait behind larger ones.
SMALL_CHUNKS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkMessage:
    """A chunk to send; ``small`` = its job is small."""

    job_id: str
    chunk_no: int
    domain: str
    small: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """Chunks to send now, and in how many seconds to call ``due_chunks`` of the domain; None = not needed."""

    domain: str
    chunks: list[ChunkMessage]
    again_in_s: float | None = None


def ingest_arguments(services: Services, job_id: str) -> dict[str, object]:
    """Return the keyword arguments of a job's ingest message."""
    with services.database.transaction() as cursor:
        job = jobs.find_job(cursor, job_id)
    options, reading = job.request["options"], job.request.get("reading") or {}
    return {
        "path": job.source,
        "domain": job.domain,
        "chunk_size": job.request["chunk_size"],
        "job_id": job.job_id,
        "max_dead": job.max_dead,
        "source": options["source"],
        "id_column": options["id_column"],
        "text_columns": options["text_columns"],
        "delimiter": reading.get("delimiter"),
        "encoding": reading.get("encoding"),
        "sheet": reading.get("sheet"),
        # Only if it is set: workers of the previous version do not know it.
        **({"vector_column": named} if (named := options.get("vector_column")) is not None else {}),
    }


def next_chunks(services: Services, job_id: str) -> Sending:
    """Return the chunks of a job to send next, and record them as sent.

    At most ``chunks_in_flight`` chunks of a job are with the broker at once. With a rate limit: only due chunks.
    """
    with services.database.transaction() as cursor:
        job = jobs.find_job(cursor, job_id)
        if job.domain in services.rate_limits:
            return _due(cursor, services, job.domain)
        numbers = leases.enqueue_waiting(cursor, job_id, window=services.chunks_in_flight)
        return Sending(domain=job.domain, chunks=chunk_messages(job, numbers))


def due_chunks(services: Services, domain: str) -> Sending:
    """Return the due chunks of a domain with a rate limit, and record them as sent."""
    if domain not in services.rate_limits:
        return Sending(domain=domain, chunks=[])
    with services.database.transaction() as cursor:
        return _due(cursor, services, domain)


def chunk_messages(job: Job, numbers: list[int]) -> list[ChunkMessage]:
    """Return the messages of chunks that were recorded as sent."""
    small = job.chunks_total <= SMALL_CHUNKS
    return [ChunkMessage(job_id=job.job_id, chunk_no=n, domain=job.domain, small=small) for n in numbers]


def _due(cursor: Cursor, services: Services, domain: str) -> Sending:
    """Assign each due time slot of the domain to a random job, so that no job waits until another is finished."""
    rate, chunks = services.rate_limits[domain], []
    behind_s = rate_limit.seconds_behind(cursor, domain, longest_s=MAX_CHUNK_ROWS / rate)
    waiting = jobs.waiting_jobs(cursor, domain)
    while behind_s >= 0 and waiting:
        job = random.choice(waiting)  # noqa: S311 - fairness, no secret
        numbers = leases.enqueue_waiting(cursor, job.job_id, window=services.chunks_in_flight, at_most=1)
        if not numbers:
            waiting.remove(job)
            continue
        each_s = int(job.request["chunk_size"]) / rate
        rate_limit.assign_slot(cursor, domain, job_id=job.job_id, chunk_no=numbers[0], each_s=each_s)
        behind_s -= each_s
        chunks += chunk_messages(job, numbers)
    again_in_s = rate_limit.schedule_check(cursor, domain, needed=bool(waiting))
    return Sending(domain=domain, chunks=chunks, again_in_s=again_in_s)
