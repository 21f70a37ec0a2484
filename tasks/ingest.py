"""Ingest: one task splits a file, one task a chunk does the work; each by reference, never with rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from celery.exceptions import SoftTimeLimitExceeded

from pc_worker.errors import InvalidRequest, Unavailable
from pc_worker.logs import get_logger
from pc_worker.services.ingest.after_job import after_job
from pc_worker.services.ingest.attempts import split_attempt
from pc_worker.services.ingest.process_chunk import process_chunk as do_chunk
from pc_worker.services.ingest.reconcile import ingest_arguments
from pc_worker.services.ingest.send_chunks import ChunkMessage, Sending, due_chunks, next_chunks
from pc_worker.services.ingest.split import split
from pc_worker.services.ingest.submit import give_up_unplanned, refuse, submit
from tasks.app import PatientTask, app, worker
from tasks.arguments import Chunk, Due, Ingest, lenient, read_arguments, text_or_nothing, usable_job_id
from tasks.queues import DEFAULT, chunk_queue, split_queue

log = get_logger(__name__)


class IngestTask(PatientTask):
    """Leaves a failed job where its call is refused, so that whoever asks for it is told why."""

    #: Of a message whose process died; the ledger counts those of its job, and sends another.
    max_retries = 3
    retry_kwargs: ClassVar = {"max_retries": PatientTask.max_retries}

    def refuse(self, args: Sequence[Any], kwargs: Mapping[str, Any], error: InvalidRequest) -> None:
        """Write the failed job; one that is there stays as it is, unless its own arguments are the wrong ones."""
        given = lenient(Ingest, args, kwargs)
        asked_for = given.get("job_id")
        job_id = usable_job_id(self.request.id if asked_for is None else asked_for)
        if job_id is None:
            return
        domain, source = text_or_nothing(given.get("domain")), text_or_nothing(given.get("path"))
        try:
            if not refuse(worker.services, job_id, domain=domain, source=source, error=str(error)):
                self._end_if_it_is_wrong_itself(job_id)
        except Unavailable as exc:
            log.warning("refusal_not_noted", job_id=job_id, reason=str(exc))

    def _end_if_it_is_wrong_itself(self, job_id: str) -> None:
        """A job that was resumed, or written by an older program, would be sent for ever."""
        try:
            read_arguments(self.name, Ingest, (), ingest_arguments(worker.services, job_id))
        except InvalidRequest as exc:
            give_up_unplanned(worker.services, job_id, str(exc))


# Indexing a file of many gigabytes takes its time; a second message meets the split's lock and goes away.
@app.task(
    name="pc_worker.ingest_file",
    bind=True,
    base=IngestTask,
    arguments=Ingest,
    soft_time_limit=3 * 3600,
    time_limit=3 * 3600 + 60,
)
def ingest_file(self: PatientTask, asked: Ingest) -> dict[str, str]:
    """Split a source into chunks and send the first; a message that comes again continues the same job."""
    job = asked.job_id or str(self.request.id)
    # So that it waits its turn among its domain's.
    must_move = (self.request.delivery_info or {}).get("routing_key") == DEFAULT
    with split_attempt(worker.services, job, overruns=(SoftTimeLimitExceeded,)) as is_free:
        submit(worker.services, asked.request(), job)
        if is_free and not must_move:
            split(worker.services, job)
    if must_move:
        raise self.retry(queue=split_queue(asked.domain), countdown=0, throw=False, **IngestTask.retry_kwargs)
    send_chunks(job)
    return {"job_id": job}


@app.task(name="pc_worker.process_chunk", base=PatientTask, arguments=Chunk, ignore_result=True)
def process_chunk(asked: Chunk) -> dict[str, Any]:
    """Clean, embed and store one chunk, then send the job's next ones."""
    try:
        summary = do_chunk(worker.services, asked.job_id, asked.chunk_no, overruns=(SoftTimeLimitExceeded,))
    finally:
        send_chunks(asked.job_id)
    if summary.get("job_finished"):
        after_job(worker.services, asked.job_id)
    return summary


@app.task(name="pc_worker.send_due", base=PatientTask, arguments=Due, ignore_result=True)
def send_due(asked: Due) -> dict[str, int]:
    """Send the chunks of a rate-limited domain whose time has come."""
    sending = due_chunks(worker.services, asked.domain)
    send_now(sending)
    return {"chunks": len(sending.chunks)}


def send_ingest(job_id: str, *, task_id: str | None = None) -> None:
    """Send a job's ingest message; one that is sent again gets an id of its own, as the first may be at work."""
    kwargs = ingest_arguments(worker.services, job_id)
    ingest_file.apply_async(kwargs=kwargs, task_id=task_id, queue=split_queue(str(kwargs["domain"])))


def send_chunks(job_id: str) -> None:
    """Send the chunks of a job that may go to the broker now."""
    send_now(next_chunks(worker.services, job_id))


def send_now(sending: Sending) -> None:
    """Send chunks, and the message that looks for the next ones of a limited domain."""
    for chunk in sending.chunks:
        send_chunk(chunk)
    if sending.again_in_s is not None:
        send_due.apply_async(kwargs={"domain": sending.domain}, countdown=sending.again_in_s)


def send_chunk(chunk: ChunkMessage) -> None:
    """Send one chunk to the queue it belongs in."""
    process_chunk.apply_async(
        kwargs={"job_id": chunk.job_id, "chunk_no": chunk.chunk_no},
        queue=chunk_queue(chunk.domain, small=chunk.small),
    )
