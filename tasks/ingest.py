"""Ingest: one task splits a file, one task a chunk does the work; each by reference, never with rows."""

from __future__ import annotations

from typing import Any

from celery.exceptions import SoftTimeLimitExceeded

from pc_worker.domains import Options
from pc_worker.errors import PcWorkerError
from pc_worker.services import split as split_service
from pc_worker.services.after_job import after_job
from pc_worker.services.process_chunk import process_chunk as do_chunk
from pc_worker.services.reconcile import ingest_arguments
from pc_worker.services.send_chunks import ChunkMessage, next_chunks
from pc_worker.services.submit import IngestRequest, submit
from tasks.app import PatientTask, app, worker
from tasks.queues import DEFAULT, chunk_queue, split_queue


# Indexing a file of many gigabytes takes its time; a second message meets the split's lock and goes away.
@app.task(
    name="pc_worker.ingest_file",
    bind=True,
    base=PatientTask,
    throws=(PcWorkerError,),
    soft_time_limit=3 * 3600,
    time_limit=3 * 3600 + 60,
)
def ingest_file(
    self: PatientTask,
    path: str,
    domain: str,
    chunk_size: int = 300,
    job_id: str | None = None,
    max_dead: int = 0,
    source: str | None = None,
    id_column: str | None = None,
    text_columns: list[str] | None = None,
) -> dict[str, str]:
    """Split a source into chunks and send the first; a message that comes again continues the same job."""
    job = job_id or str(self.request.id)
    options = Options(source, id_column, tuple(text_columns or ()))
    request = IngestRequest(path=path, domain=domain, chunk_size=chunk_size, max_dead=max_dead, options=options)
    submit(worker.parts, request, job)
    if (self.request.delivery_info or {}).get("routing_key") == DEFAULT:  # so that it waits its turn among its domain's
        raise self.retry(queue=split_queue(domain), countdown=0, throw=False)
    split_service.split(worker.parts, job)
    send_chunks(job)
    return {"job_id": job}


@app.task(name="pc_worker.process_chunk", base=PatientTask, ignore_result=True, throws=(PcWorkerError,))
def process_chunk(job_id: str, chunk_no: int) -> dict[str, Any]:
    """Clean, embed and store one chunk, then send the job's next ones."""
    try:
        summary = do_chunk(worker.parts, job_id, chunk_no, overruns=(SoftTimeLimitExceeded,))
    finally:
        send_chunks(job_id)
    if summary.get("job_finished"):
        after_job(worker.parts, job_id)
    return summary


def send_ingest(job_id: str, *, task_id: str | None = None) -> None:
    """Send a job's ingest message; one that is sent again gets an id of its own, as the first may be at work."""
    kwargs = ingest_arguments(worker.parts, job_id)
    ingest_file.apply_async(kwargs=kwargs, task_id=task_id, queue=split_queue(str(kwargs["domain"])))


def send_chunks(job_id: str) -> None:
    """Send the chunks of a job that may go to the broker now."""
    for chunk in next_chunks(worker.parts, job_id):
        send_chunk(chunk)


def send_chunk(chunk: ChunkMessage) -> None:
    """Send one chunk to the queue it belongs in."""
    process_chunk.apply_async(
        kwargs={"job_id": chunk.job_id, "chunk_no": chunk.chunk_no},
        queue=chunk_queue(chunk.domain, small=chunk.small),
        countdown=chunk.delay_s or None,
    )
