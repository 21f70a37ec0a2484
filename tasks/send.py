"""Every message that workers, beat and the command line send to the queues; none carries rows."""

from __future__ import annotations

from typing import Any

from kombu.exceptions import OperationalError

from pc_worker.errors import Unavailable
from pc_worker.model import Job
from pc_worker.services.dependencies import Services
from pc_worker.services.ingest.messages import ChunkMessage, Sending, ingest_arguments, next_chunks
from pc_worker.tracing import span
from tasks.app import app
from tasks.queues import chunk_queue, split_queue

#: For the command line: one quick retry. `reconcile` sends what is not sent now.
QUICK: dict[str, Any] = {"retry_policy": {"max_retries": 1, "interval_start": 0.2}}


def check_broker() -> None:
    """Check that the broker answers.

    Raises:
        Unavailable: If it does not.
    """
    try:
        with app.connection_for_write(transport_options={"socket_timeout": 5}) as connection:
            connection.ensure_connection(max_retries=1, interval_start=0.2)
    except (OperationalError, OSError) as exc:
        raise Unavailable(f"Redis does not answer: {exc}") from exc


def send_job(services: Services, job: Job) -> None:
    """Send what a job needs next: its ingest message, or its next chunks.

    Raises:
        Unavailable: If the broker does not accept a message; `reconcile` sends it later.
    """
    try:
        with span("enqueue", {"pcw.job_id": job.job_id, "pcw.domain": job.domain}, kind="producer"):
            if job.state == "queued":
                send_ingest(services, job.job_id, task_id=job.job_id, **QUICK)
            else:
                send_chunks(services, job.job_id, **QUICK)
    except (OperationalError, OSError) as exc:
        raise Unavailable(f"Redis does not answer: {exc}") from exc


def send_ingest(services: Services, job_id: str, *, task_id: str | None = None, **options: Any) -> None:
    """Send a job's ingest message; without ``task_id`` it gets a new id, as an earlier one may still be processed."""
    kwargs = ingest_arguments(services, job_id)
    queue = split_queue(str(kwargs["domain"]))
    app.send_task("pc_worker.ingest_file", kwargs=kwargs, task_id=task_id, queue=queue, **options)


def send_chunks(services: Services, job_id: str, **options: Any) -> None:
    """Send the chunks of a job that may go to the broker now."""
    send_all(next_chunks(services, job_id), **options)


def send_all(sending: Sending, **options: Any) -> None:
    """Send chunks and, for a domain with a rate limit, the message that sends its next ones."""
    for chunk in sending.chunks:
        send_chunk(chunk, **options)
    if sending.again_in_s is not None:
        send_due_later(sending.domain, sending.again_in_s, **options)


def send_chunk(chunk: ChunkMessage, **options: Any) -> None:
    """Send one chunk to the queue of its domain and its job's size."""
    app.send_task(
        "pc_worker.process_chunk",
        kwargs={"job_id": chunk.job_id, "chunk_no": chunk.chunk_no},
        queue=chunk_queue(chunk.domain, small=chunk.small),
        ignore_result=True,
        **options,
    )


def send_due_later(domain: str, after_s: float, **options: Any) -> None:
    """Send the message that sends the due chunks of a domain with a rate limit, in ``after_s`` seconds."""
    app.send_task("pc_worker.send_due", kwargs={"domain": domain}, countdown=after_s, ignore_result=True, **options)
