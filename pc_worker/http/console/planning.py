"""The plan: what an ingest of a path would cost, and then its start."""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import Form, Query, Request
from fastapi.responses import Response

from pc_worker.domains import Options
from pc_worker.http.console.audit_trail import Action, act
from pc_worker.http.console.rendering import page_router, render, see
from pc_worker.http.console.session import Editor, OwnForm, Viewer, known_domains
from pc_worker.http.requests.context import Context
from pc_worker.http.start_ingest import starting
from pc_worker.services.dependencies import Services
from pc_worker.services.estimate.estimate import Estimate, estimate_ingest
from pc_worker.services.ingest.enqueue import check_request
from pc_worker.services.ingest.submit import IngestRequest
from pc_worker.services.sources import whole_path

router = page_router()
ESTIMATE_S = 300.0
Text = Annotated[str, Query(max_length=4_096)]
Field = Annotated[str, Form(max_length=4_096)]


def _request(path: str, domain: str, id_column: str, text_columns: str) -> IngestRequest:
    columns = tuple(part.strip() for part in text_columns.split(",") if part.strip())
    options = Options(None, id_column or None, columns, None)
    return IngestRequest(path=whole_path(path.strip()), domain=domain, options=options)


@router.get("/plan")
async def plan_page(
    request: Request,
    context: Context,
    caller: Viewer,
    path: Text = "",
    domain: Text = "document",
    id_column: Text = "",
    text_columns: Text = "",
) -> Response:
    """Show what an ingest would cost; nothing is written."""
    estimate: Estimate | None = None
    if path.strip():
        caller.check(domain)
        wanted = _request(path, domain, id_column, text_columns)

        def work(services: Services) -> Estimate:
            check_request(services, wanted)
            return estimate_ingest(services, wanted, processes=context.settings.worker_processes)

        estimate = await context.services.run(work, within_s=ESTIMATE_S)
    asked = {"path": path, "domain": domain, "id_column": id_column, "text_columns": text_columns}
    return render(request, "plan.html", estimate=estimate, asked=asked, domains=known_domains(caller))


@router.post("/plan/start", dependencies=[OwnForm])
async def start(
    context: Context, caller: Editor, path: Field, domain: Field, id_column: Field = "", text_columns: Field = ""
) -> Response:
    """Start the ingest."""
    caller.check(domain)
    wanted, job_id = _request(path, domain, id_column, text_columns), str(uuid.uuid4())

    action = Action("ingest", {"job_id": job_id, "source": wanted.path, "domain": domain})
    await act(context, caller, action, starting(context, wanted, job_id))
    return see(f"/jobs/{job_id}")
