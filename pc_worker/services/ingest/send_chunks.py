"""Which chunks go to the broker now, where to, and when to look again: those of a limited domain wait in the ledger."""

from __future__ import annotations

import random
from dataclasses import dataclass

from pc_worker.model import Job
from pc_worker.services.dependencies import Services
from pc_worker.store.db.connection import Cursor
from pc_worker.store.ledger import jobs, leases, rate_limit

#: Jobs of so many chunks and fewer do not wait behind larger ones.
SMALL_CHUNKS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkMessage:
    """A chunk to send; ``small`` = its job is."""

    job_id: str
    chunk_no: int
    domain: str
    small: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """Chunks to send now, and in how many seconds to look for ``due_chunks`` of the domain; None = no need to."""

    domain: str
    chunks: list[ChunkMessage]
    again_in_s: float | None = None


def next_chunks(services: Services, job_id: str) -> Sending:
    """Give the chunks of a job to send next; they count as sent from now on.

    At most ``chunks_in_flight`` of a job are with the broker at once; of a limited domain those whose time has come.
    """
    with services.database.transaction() as cursor:
        job = jobs.find_job(cursor, job_id)
        if job.domain in services.rate_limits:
            return _due(cursor, services, job.domain)
        numbers = leases.enqueue_waiting(cursor, job_id, window=services.chunks_in_flight)
        return Sending(domain=job.domain, chunks=messages(job, numbers))


def due_chunks(services: Services, domain: str) -> Sending:
    """Give the chunks of a rate-limited domain whose time has come; they count as sent from now on."""
    if domain not in services.rate_limits:
        return Sending(domain=domain, chunks=[])
    with services.database.transaction() as cursor:
        return _due(cursor, services, domain)


def messages(job: Job, numbers: list[int]) -> list[ChunkMessage]:
    """Give the messages of chunks that were taken to be sent."""
    small = job.chunks_total <= SMALL_CHUNKS
    return [ChunkMessage(job_id=job.job_id, chunk_no=n, domain=job.domain, small=small) for n in numbers]


def _due(cursor: Cursor, services: Services, domain: str) -> Sending:
    """Hand each slot of the domain's time that has come to one of its jobs by chance: none waits for all of another."""
    rate, chunks = services.rate_limits[domain], []
    behind_s = rate_limit.seconds_behind(cursor, domain)
    waiting = jobs.waiting_jobs(cursor, domain)
    while behind_s >= 0 and waiting:
        job = random.choice(waiting)  # noqa: S311 - fairness, no secret
        numbers = leases.enqueue_waiting(cursor, job.job_id, window=services.chunks_in_flight, at_most=1)
        if not numbers:
            waiting.remove(job)
            continue
        each_s = int(job.request["chunk_size"]) / rate
        rate_limit.assign_slot(cursor, domain, job.job_id, numbers[0], each_s=each_s)
        behind_s -= each_s
        chunks += messages(job, numbers)
    again_in_s = rate_limit.schedule_check(cursor, domain, needed=bool(waiting))
    return Sending(domain=domain, chunks=chunks, again_in_s=again_in_s)
