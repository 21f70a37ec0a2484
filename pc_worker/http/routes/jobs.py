"""`/v1/jobs`: start, list, watch, cancel and resume jobs; the ledger."""

from __future__ import annotations

import asyncio
import hashlib
import json
import uuid
from collections.abc import AsyncGenerator
from datetime import datetime
from typing import Annotated, Any

from fastapi import Header, Query, Request, Response
from fastapi.responses import JSONResponse

from pc_worker.http.event_streams import ServerEvent, event_stream
from pc_worker.http.requests.bodies import api_router
from pc_worker.http.requests.context import AppContext, Context
from pc_worker.http.requests.paging import ListPage, Pages
from pc_worker.http.requests.roles import HttpCaller, Reader, Writer
from pc_worker.http.routes.job_documents import ChunkDocument, JobDocument, JobSummary
from pc_worker.http.start_ingest import starting
from pc_worker.model import Job, JobState
from pc_worker.services.dependencies import Services
from pc_worker.services.ingest.arguments import IngestArguments
from pc_worker.services.ingest.submit import IngestRequest
from pc_worker.services.jobs import job_control
from pc_worker.services.jobs.job_control import ENDED, status_document
from pc_worker.services.jobs.progress import job_progress
from pc_worker.store.ledger.job_pages import JobFilter

router = api_router(prefix="/v1/jobs", tag="jobs")

#: Seconds between two reads of a job whose progress is sent.
READ_AGAIN_S = 0.5
#: Namespace of the ids of jobs that are made from an idempotency key.
NAMESPACE = uuid.UUID("0f7a0f0e-6f0c-4c0b-9a52-6c1b8f4a7d21")
JOBS = "jobs"

JobId = str
IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        description="Repeats of a request with the same key are one job; another request with it is refused.",
    ),
]


@router.post("", status_code=202, response_model=JobDocument, summary="Ingest a file")
async def start_job(
    body: IngestArguments, caller: Writer, context: Context, idempotency_key: IdempotencyKey = None
) -> Response:
    """Enqueue the ingest of a file or URL that the workers can read; `Location` is the job's status."""
    caller.check(body.domain)
    job_id = str(uuid.uuid4()) if idempotency_key is None else key_id(caller, idempotency_key)
    return await accepted(context, body.request(), job_id)


@router.get("", summary="List jobs")
async def list_jobs(
    caller: Reader,
    context: Context,
    paging: Pages,
    domain: Annotated[str | None, Query(description="Only jobs of this domain.")] = None,
    state: Annotated[list[JobState] | None, Query(description="Only jobs in these states.")] = None,
) -> ListPage[JobSummary]:
    """Return jobs, the newest first."""
    wanted = JobFilter(domains=caller.domains if domain is None else (domain,), states=state)
    before = paging.after(JOBS, datetime, str)
    found = await context.services.run(
        lambda services: job_control.page_of_jobs(services, wanted, before=before, limit=paging.limit + 1)
    )
    page = paging.page(JOBS, found, lambda job: (job.created_at, job.job_id))
    summaries = [JobSummary(**status_document(job)) for job in page.items]
    return ListPage(items=summaries, next_cursor=page.next_cursor)


@router.get("/{job_id}", response_model=JobDocument, summary="Show a job")
async def show_job(
    job_id: JobId, caller: Reader, context: Context, if_none_match: Annotated[str | None, Header()] = None
) -> Response:
    """Return the document of `status --json`, with an `ETag`; 304 if it is as the client has it."""
    document = await context.services.run(lambda services: _document(services, caller, job_id))
    etag = f'"{hashlib.sha256(json.dumps(document).encode()).hexdigest()[:32]}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
    if if_none_match is not None and _matches(if_none_match, etag):
        return Response(status_code=304, headers=headers)
    return JSONResponse(document, headers=headers)


@router.get("/{job_id}/chunks", summary="List the chunks of a job")
async def list_chunks(job_id: JobId, caller: Reader, context: Context, paging: Pages) -> ListPage[ChunkDocument]:
    """Return a job's chunks: attempts, seconds by stage, and who holds each."""
    (after,) = paging.after(f"chunks of {job_id}", int) or (-1,)

    def read(services: Services) -> list[ChunkDocument]:
        visible_job(services, caller, job_id)
        chunks = job_control.page_of_chunks(services, job_id, after=after, limit=paging.limit + 1)
        return list(map(ChunkDocument.of, chunks))

    found = await context.services.run(read)
    return paging.page(f"chunks of {job_id}", found, lambda chunk: (chunk.chunk_no,))


@router.post("/{job_id}/cancel", summary="Cancel a job", responses={409: {"description": "It has ended already"}})
async def cancel_job(job_id: JobId, caller: Writer, context: Context) -> JobSummary:
    """Cancel an open job: what is stored stays, nothing more is written."""

    def cancel(services: Services) -> Job:
        visible_job(services, caller, job_id)
        return job_control.cancel(services, job_id)

    return JobSummary(**status_document(await context.services.run(cancel)))


@router.post("/{job_id}/resume", summary="Resume a job", responses={409: {"description": "It runs or is done"}})
async def resume_job(job_id: JobId, caller: Writer, context: Context) -> JobSummary:
    """Continue a failed or cancelled job where it stopped."""

    def resume(services: Services) -> Job:
        visible_job(services, caller, job_id)
        context.queue.check()
        context.queue.send(services, job_control.resume(services, job_id))
        return job_control.job_status(services, job_id)

    return JobSummary(**status_document(await context.services.run(resume)))


@router.get(
    "/{job_id}/events",
    summary="Watch a job",
    response_class=Response,
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
)
async def watch_job(job_id: JobId, request: Request, caller: Reader, context: Context) -> Response:
    """Send the job's document as an event `progress` whenever it changes, and as `done` when the job has ended."""
    return await event_stream(context, caller, _progress(context, caller, job_id))


async def accepted(context: AppContext, request: IngestRequest, job_id: str, *, is_ours: bool = False) -> JSONResponse:
    """Enqueue an ingest, and return the response: 202, the job's place and its document.

    Args:
        context: What all requests share.
        request: The request of the ingest.
        job_id: The job's id.
        is_ours: The path is not the caller's: nothing of it is to be checked.
    """

    start = starting(context, request, job_id, is_ours=is_ours)

    def work(services: Services) -> dict[str, Any]:
        start(services)
        return _full_document(services, job_id)

    document = await context.services.run(work)
    return JSONResponse(document, 202, {"Location": f"/v1/jobs/{job_id}"})


def key_id(caller: HttpCaller, key: str) -> str:
    """Return the id of the job that a caller's idempotency key stands for."""
    return str(uuid.uuid5(NAMESPACE, f"{caller.grant.token or ''}\n{key}"))


def visible_job(services: Services, caller: HttpCaller, job_id: str) -> Job:
    """Return a job that the caller may know.

    Raises:
        NotFound: If there is none, or it is of another domain: with the same message.
    """
    job = job_control.job_status(services, job_id)
    if not caller.allows(job.domain):
        raise job_control.no_job(job_id)
    return job


async def _progress(context: AppContext, caller: HttpCaller, job_id: str) -> AsyncGenerator[ServerEvent, None]:
    before: dict[str, Any] = {}
    while True:
        document = await context.services.run(lambda services: _document(services, caller, job_id))
        ended = document["state"] in ENDED
        if ended or document != before:
            yield ServerEvent(event="done" if ended else "progress", data=document)
        if ended:
            return
        before = document
        await asyncio.sleep(READ_AGAIN_S)


def _document(services: Services, caller: HttpCaller, job_id: str) -> dict[str, Any]:
    visible_job(services, caller, job_id)
    return _full_document(services, job_id)


def _full_document(services: Services, job_id: str) -> dict[str, Any]:
    job, progress = job_progress(services, job_id)
    return status_document(job) | progress.to_dict()


def _matches(if_none_match: str, etag: str) -> bool:
    asked = [part.strip().removeprefix("W/") for part in if_none_match.split(",")]
    return "*" in asked or etag in asked
