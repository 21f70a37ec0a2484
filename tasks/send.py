"""Send messages from outside a worker: what the command line enqueues."""

from __future__ import annotations

from kombu.exceptions import OperationalError

from pc_worker.errors import Unavailable
from pc_worker.model import Job
from pc_worker.services.dependencies import Services
from pc_worker.services.ingest.reconcile import ingest_arguments
from pc_worker.services.ingest.send_chunks import Sending, next_chunks
from tasks.app import app
from tasks.queues import chunk_queue, split_queue

#: One quick try: what is not sent now is sent by `reconcile`.
RETRY = {"max_retries": 1, "interval_start": 0.2}


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
        Unavailable: If the broker does not take a message; reconcile sends it later.
    """
    try:
        if job.state == "queued":
            kwargs = ingest_arguments(services, job.job_id)
            app.send_task(
                "pc_worker.ingest_file",
                kwargs=kwargs,
                task_id=job.job_id,
                queue=split_queue(job.domain),
                retry_policy=RETRY,
            )
        else:
            _send_chunks(next_chunks(services, job.job_id))
    except (OperationalError, OSError) as exc:
        raise Unavailable(f"Redis does not answer: {exc}") from exc


def _send_chunks(sending: Sending) -> None:
    for chunk in sending.chunks:
        app.send_task(
            "pc_worker.process_chunk",
            kwargs={"job_id": chunk.job_id, "chunk_no": chunk.chunk_no},
            queue=chunk_queue(chunk.domain, small=chunk.small),
            retry_policy=RETRY,
        )
    if sending.again_in_s is not None:
        app.send_task(
            "pc_worker.send_due",
            kwargs={"domain": sending.domain},
            countdown=sending.again_in_s,
            retry_policy=RETRY,
        )
