"""Which chunks of a job go to the broker now, where to, and when they may begin."""

from __future__ import annotations

from dataclasses import dataclass

from pc_worker.services.parts import Parts
from pc_worker.store import jobs, ledger, rate_limit
from pc_worker.store.connection import Cursor
from pc_worker.store.values import Job

#: Jobs of so many chunks and fewer do not wait behind larger ones.
SMALL_CHUNKS = 10
#: A limited domain's chunks are sent so many seconds ahead: longer than reconcile's period, which sends the next ones
#: where none ends to do so, and far shorter than the broker's visibility timeout, after which it sends a message anew.
HORIZON_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkMessage:
    """A chunk to send; ``small`` = its job is, ``delay_s`` = when it may begin, 0 = at once."""

    job_id: str
    chunk_no: int
    domain: str
    small: bool
    delay_s: float = 0.0


def next_chunks(parts: Parts, job_id: str) -> list[ChunkMessage]:
    """Give the chunks of a job to send next; they count as sent from now on.

    At most ``chunks_in_flight`` of a job are with the broker at once; those of a rate-limited domain get their time.
    """
    with parts.database.transaction() as cursor:
        job = jobs.find_job(cursor, job_id)
        rate = parts.rate_limits.get(job.domain)
        if rate is None:
            numbers = ledger.take_waiting(cursor, job_id, window=parts.chunks_in_flight)
            return messages(job, numbers)
        return _limited(cursor, parts, job, each_s=int(job.request["chunk_size"]) / rate)


def messages(job: Job, numbers: list[int], delays: list[float] | None = None) -> list[ChunkMessage]:
    """Give the messages of chunks that were taken to be sent."""
    small = job.chunks_total <= SMALL_CHUNKS
    return [
        ChunkMessage(job_id=job.job_id, chunk_no=number, domain=job.domain, small=small, delay_s=delay)
        for number, delay in zip(numbers, delays or [0.0] * len(numbers), strict=True)
    ]


def _limited(cursor: Cursor, parts: Parts, job: Job, *, each_s: float) -> list[ChunkMessage]:
    ahead_s = rate_limit.seconds_ahead(cursor, job.domain)
    if ahead_s > HORIZON_S:
        return []
    at_most = 1 + int((HORIZON_S - ahead_s) / each_s)
    numbers = ledger.take_waiting(cursor, job.job_id, window=parts.chunks_in_flight, at_most=at_most)
    delays = rate_limit.take_time(cursor, job.domain, job.job_id, numbers, ahead_s=ahead_s, each_s=each_s)
    return messages(job, numbers, delays)
