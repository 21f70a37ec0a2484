"""Reconcile: find the work whose message or worker was lost and send it again; safe to run twice at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pc_worker.errors import Conflict, Unavailable
from pc_worker.logs import get_logger
from pc_worker.services.dependencies import Services
from pc_worker.services.ingest.messages import ChunkMessage, chunk_messages, next_chunks
from pc_worker.store.ledger import jobs, leases

log = get_logger(__name__)

#: Seconds after which a message counts as lost while the queues of its domain are empty.
LOST_AFTER_S = 20.0
#: The same while they are not empty: most likely the message still waits in one of them.
LOST_AFTER_WAITING_S = 900.0


@dataclass(frozen=True, slots=True)
class ToSend:
    """The messages to send.

    Attributes:
        ingests: Ids of jobs whose ingest message was lost.
        chunks: Chunks whose message was lost, and those that may go to the broker now.
        lost: How many of ``chunks`` were lost.
        again_in_s: Seconds until the due chunks of a domain with a rate limit are sent, by domain.
    """

    ingests: list[str]
    chunks: list[ChunkMessage]
    lost: int
    again_in_s: dict[str, float]


def reconcile(services: Services, *, is_waiting: Callable[[str], bool]) -> ToSend:
    """Return the missing messages and record them as sent. A job that cannot be read does not stop the others.

    Args:
        services: This process's shared dependencies.
        is_waiting: Returns whether work of a domain waits in the broker.
    """
    with services.database.transaction() as cursor:
        domains = jobs.open_domains(cursor)
    lost_after_s = {domain: LOST_AFTER_WAITING_S if is_waiting(domain) else LOST_AFTER_S for domain in domains}
    with services.database.transaction() as cursor:
        ingests = [
            job_id
            for domain, seconds in lost_after_s.items()
            for job_id in jobs.stale_queued_jobs(cursor, domain, older_than_s=seconds)
        ]
        running = jobs.running_jobs(cursor)
    found = ToSend(ingests, [], 0, {})
    for job_id in running:
        try:
            found = _with_job(found, services, job_id, lost_after_s)
        except (Unavailable, Conflict):
            raise
        except Exception as exc:
            log.exception("job_not_reconciled", job_id=job_id, reason=str(exc))
    return found


def _with_job(found: ToSend, services: Services, job_id: str, lost_after_s: Mapping[str, float]) -> ToSend:
    """Add a job's lost chunks, and those that may go to the broker now."""
    with services.database.transaction() as cursor:
        job = jobs.find_job(cursor, job_id)
        seconds = lost_after_s.get(job.domain, LOST_AFTER_WAITING_S)
        lost = leases.requeue_lost(cursor, job_id, older_than_s=seconds)
    following = next_chunks(services, job_id)
    again_in_s = {} if following.again_in_s is None else {job.domain: following.again_in_s}
    return ToSend(
        found.ingests,
        [*found.chunks, *chunk_messages(job, lost), *following.chunks],
        found.lost + len(lost),
        found.again_in_s | again_in_s,
    )
