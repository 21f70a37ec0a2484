"""Reconcile: find what a lost message left behind, so that it is sent again; safe to run twice at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pc_worker.errors import Conflict, Unavailable
from pc_worker.logs import get_logger
from pc_worker.services.dependencies import Services
from pc_worker.services.ingest.send_chunks import ChunkMessage, messages, next_chunks
from pc_worker.store.ledger import jobs, leases

log = get_logger(__name__)

#: Seconds after which a message counts as lost while its domain's queues are empty …
LOST_AFTER_S = 20.0
#: … and while they are not: then the message most likely waits its turn.
LOST_AFTER_WAITING_S = 900.0


@dataclass(frozen=True, slots=True)
class ToSend:
    """What to send: ingests by job id, chunks of which ``lost`` were lost, the others' turn has come; and looks.

    ``looks`` = in how many seconds to look for chunks of a limited domain again.
    """

    ingests: list[str]
    chunks: list[ChunkMessage]
    lost: int
    looks: dict[str, float]


def reconcile(services: Services, *, is_waiting: Callable[[str], bool]) -> ToSend:
    """Give the messages that are missing; they count as sent from now on. A job that cannot be read stops no other.

    Args:
        services: This process's connections.
        is_waiting: Tells whether work of a domain waits in the broker.
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
            found = _with(found, services, job_id, lost_after_s)
        except (Unavailable, Conflict):
            raise
        except Exception as exc:
            log.exception("job_not_reconciled", job_id=job_id, reason=str(exc))
    return found


def _with(found: ToSend, services: Services, job_id: str, lost_after_s: Mapping[str, float]) -> ToSend:
    """Add a job's lost chunks, and those whose turn has come."""
    with services.database.transaction() as cursor:
        job = jobs.find_job(cursor, job_id)
        seconds = lost_after_s.get(job.domain, LOST_AFTER_WAITING_S)
        lost = leases.requeue_lost(cursor, job_id, older_than_s=seconds)
    following = next_chunks(services, job_id)
    looks = {} if following.again_in_s is None else {job.domain: following.again_in_s}
    return ToSend(
        found.ingests,
        [*found.chunks, *messages(job, lost), *following.chunks],
        found.lost + len(lost),
        found.looks | looks,
    )


def ingest_arguments(services: Services, job_id: str) -> dict[str, object]:
    """Give the keyword arguments of a job's ingest message."""
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
        # Only where it is said: the version before does not know it.
        **({"vector_column": named} if (named := options.get("vector_column")) is not None else {}),
    }
