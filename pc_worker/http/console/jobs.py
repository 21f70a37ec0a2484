"""Jobs: the list with its filters, one job live, and what can be done to it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, get_args

from fastapi import Query, Request
from fastapi.responses import Response

from pc_worker.domains import Options
from pc_worker.errors import NotFound
from pc_worker.http.console.audit_trail import Action, act
from pc_worker.http.console.plots import row_bar
from pc_worker.http.console.rendering import page_router, render, see
from pc_worker.http.console.session import Editor, OwnForm, Viewer, known_domains
from pc_worker.http.requests.context import Context
from pc_worker.http.requests.roles import HttpCaller
from pc_worker.http.start_ingest import starting
from pc_worker.model import Job, JobState
from pc_worker.services.dependencies import Services
from pc_worker.services.ingest.submit import IngestRequest
from pc_worker.services.jobs import job_control
from pc_worker.services.jobs.job_control import ENDED
from pc_worker.services.jobs.progress import JobProgress, job_progress
from pc_worker.store.ledger.activity import Activity, read_activity
from pc_worker.store.ledger.job_pages import ChunkState, JobFilter

router = page_router()

STATES: tuple[JobState, ...] = get_args(JobState)
#: Jobs and chunks of one page.
PAGE, CHUNKS = 25, 100
Text = Annotated[str, Query(max_length=500)]


@dataclass(frozen=True, slots=True)
class JobLine:
    """A job with its bar."""

    job: Job
    bar: str


def _bar(job: Job) -> str:
    return row_bar(
        job.rows_total,
        written=job.rows_written,
        unchanged=job.rows_unchanged,
        skipped=job.rows_skipped,
        dead=job.rows_dead,
    )


@router.get("/jobs")
async def jobs_page(
    request: Request,
    context: Context,
    caller: Viewer,
    state: Text = "",
    domain: Text = "",
    q: Text = "",
    before: Text = "",
) -> Response:
    """Show the jobs, the newest first."""
    wanted = JobFilter(
        domains=(domain,) if domain else caller.domains,
        states=[known for known in STATES if known == state] or None,
        text=q.strip(),
    )

    def read(services: Services) -> tuple[Activity, list[Job]]:
        with services.database.transaction() as cursor:
            activity = read_activity(cursor, caller.domains)
        found = job_control.page_of_jobs(services, wanted, before=_place(before), limit=PAGE + 1)
        return activity, found

    activity, found = await context.services.run(read)
    last = found[PAGE - 1] if len(found) > PAGE else None
    return render(
        request,
        "jobs.html",
        counts=[(name, activity.jobs.get(name, 0)) for name in STATES],
        lines=[JobLine(job, _bar(job)) for job in found[:PAGE]],
        asked={"state": state, "domain": domain, "q": q},
        domains=known_domains(caller),
        older=None if last is None else f"{last.created_at.isoformat()}|{last.job_id}",
    )


def _place(text: str) -> tuple[datetime, str] | None:
    time, _, job_id = text.partition("|")
    try:
        return (datetime.fromisoformat(time.replace(" ", "+")), job_id) if text else None
    except ValueError:
        return None


async def _view(context: Context, caller: HttpCaller, job_id: str) -> dict[str, Any]:
    def read(services: Services) -> tuple[Job, JobProgress, list[ChunkState]]:
        job, progress = job_progress(services, job_id)
        if not caller.allows(job.domain):
            raise job_control.no_job(job_id)
        return job, progress, job_control.page_of_chunks(services, job_id, after=-1, limit=CHUNKS)

    job, progress, chunks = await context.services.run(read)
    return {"job": job, "bar": _bar(job), "progress": progress, "chunks": chunks, "ended": job.state in ENDED}


@router.get("/jobs/{job_id}")
async def job_page(request: Request, context: Context, caller: Viewer, job_id: str) -> Response:
    """Show one job with its chunks."""
    return render(request, "job.html", **await _view(context, caller, job_id))


@router.get("/jobs/{job_id}/live")
async def job_live(request: Request, context: Context, caller: Viewer, job_id: str) -> Response:
    """Show the part of a job's page that changes."""
    return render(request, "job_live.html", **await _view(context, caller, job_id))


@router.post("/jobs/{job_id}/cancel", dependencies=[OwnForm])
async def cancel_job(context: Context, caller: Editor, job_id: str) -> Response:
    """Cancel a job."""
    job = (await _view(context, caller, job_id))["job"]
    action = Action("cancel job", {"job_id": job_id, "domain": job.domain})
    await act(context, caller, action, lambda services: job_control.cancel(services, job_id))
    return see(f"/jobs/{job_id}")


@router.post("/jobs/{job_id}/resume", dependencies=[OwnForm])
async def resume_job(context: Context, caller: Editor, job_id: str) -> Response:
    """Resume a failed or cancelled job."""
    job = (await _view(context, caller, job_id))["job"]

    def resume(services: Services) -> None:
        context.queue.check()
        context.queue.send(services, job_control.resume(services, job_id))

    await act(context, caller, Action("resume job", {"job_id": job_id, "domain": job.domain}), resume)
    return see(f"/jobs/{job_id}")


@router.post("/jobs/{job_id}/again", dependencies=[OwnForm])
async def ingest_again(context: Context, caller: Editor, job_id: str) -> Response:
    """Ingest the source of a job again, with the same options, as a new job."""
    job: Job = (await _view(context, caller, job_id))["job"]
    request, new = request_of(job), str(uuid.uuid4())

    action = Action("ingest again", {"job_id": new, "of": job_id, "source": job.source, "domain": job.domain})
    await act(context, caller, action, starting(context, request, new))
    return see(f"/jobs/{new}")


def request_of(job: Job) -> IngestRequest:
    """Return the request that a job was made of.

    Raises:
        NotFound: If the ledger does not have it any more.
    """
    stored = job.request
    if "options" not in stored:
        raise NotFound(f"the request of job {job.job_id} is not known any more")
    reading = stored.get("reading") or {}
    return IngestRequest(
        path=job.source,
        domain=job.domain,
        chunk_size=stored.get("chunk_size"),
        max_dead=job.max_dead,
        options=Options.from_dict(stored["options"]),
        delimiter=reading.get("delimiter"),
        encoding=reading.get("encoding"),
        sheet=reading.get("sheet"),
    )
