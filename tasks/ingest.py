"""Ingest: one task splits a file, one task per chunk processes rows; messages name them and never carry rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from celery.exceptions import SoftTimeLimitExceeded

from pc_worker.errors import InvalidRequest, Unavailable
from pc_worker.logs import get_logger
from pc_worker.services.ingest.attempts import split_attempt
from pc_worker.services.ingest.messages import due_chunks, ingest_arguments
from pc_worker.services.ingest.process_chunk import after_job
from pc_worker.services.ingest.process_chunk import process_chunk as do_chunk
from pc_worker.services.ingest.split import split
from pc_worker.services.ingest.submit import fail_before_split, submit, submit_failed
from tasks.app import RetryingTask, app, worker
from tasks.arguments import LONGEST_DOMAIN, Chunk, Due, Ingest, storable_text, usable_job_id
from tasks.call import named_arguments, read_arguments
from tasks.queues import DEFAULT, split_queue
from tasks.send import send_all, send_chunks

log = get_logger(__name__)


class IngestTask(RetryingTask):
    """Leave a failed job for an invalid call, so that its caller finds the reason."""

    #: For a message whose process died. The ledger counts the attempts of its job and sends another message.
    max_retries = 3
    retry_kwargs: ClassVar = {"max_retries": RetryingTask.max_retries}

    def on_invalid_call(self, args: Sequence[Any], kwargs: Mapping[str, Any], error: InvalidRequest) -> None:
        """Write the failed job. An existing job stays as it is, unless its own arguments are the invalid ones."""
        given = named_arguments(Ingest, args, kwargs)
        asked_for = given.get("job_id")
        job_id = usable_job_id(self.request.id if asked_for is None else asked_for)
        if job_id is None:
            return
        domain, source = storable_text(given.get("domain"), LONGEST_DOMAIN), storable_text(given.get("path"))
        try:
            if not submit_failed(worker.services, job_id, domain=domain, source=source, error=str(error)):
                self._fail_if_unreadable(job_id)
        except Unavailable as exc:
            log.warning("refusal_not_noted", job_id=job_id, reason=str(exc))

    def _fail_if_unreadable(self, job_id: str) -> None:
        """Fail a resumed or older job whose stored arguments are invalid: it would be sent without end."""
        try:
            read_arguments(self.name, Ingest, (), ingest_arguments(worker.services, job_id))
        except InvalidRequest as exc:
            fail_before_split(worker.services, job_id, str(exc))


# Indexing a file of many gigabytes takes hours. A second message meets the split's lock and does nothing.
@app.task(
    name="pc_worker.ingest_file",
    bind=True,
    base=IngestTask,
    arguments=Ingest,
    soft_time_limit=3 * 3600,
    time_limit=3 * 3600 + 60,
)
def ingest_file(self: RetryingTask, asked: Ingest) -> dict[str, str]:
    """Split a source into chunks and send the first; a repeated message continues the same job."""
    job = asked.job_id or str(self.request.id)
    # A plain client's message goes to its domain's queue first, behind those that are already there.
    must_move = (self.request.delivery_info or {}).get("routing_key") == DEFAULT
    with split_attempt(worker.services, job, overruns=(SoftTimeLimitExceeded,)) as is_free:
        submit(worker.services, asked.request(), job)
        if is_free and not must_move:
            split(worker.services, job)
    if must_move:
        raise self.retry(queue=split_queue(asked.domain), countdown=0, throw=False, **IngestTask.retry_kwargs)
    send_chunks(worker.services, job)
    return {"job_id": job}


@app.task(name="pc_worker.process_chunk", base=RetryingTask, arguments=Chunk)
def process_chunk(asked: Chunk) -> dict[str, Any]:
    """Clean, embed and store one chunk, then send the job's next ones."""
    try:
        summary = do_chunk(worker.services, asked.job_id, asked.chunk_no, overruns=(SoftTimeLimitExceeded,))
    finally:
        send_chunks(worker.services, asked.job_id)
    if summary.get("job_finished"):
        after_job(worker.services, asked.job_id)
    return summary


@app.task(name="pc_worker.send_due", base=RetryingTask, arguments=Due)
def send_due(asked: Due) -> dict[str, int]:
    """Send the due chunks of a domain with a rate limit."""
    sending = due_chunks(worker.services, asked.domain)
    send_all(sending)
    return {"chunks": len(sending.chunks)}
