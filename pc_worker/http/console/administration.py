"""Models, indexes and the record of actions."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from functools import partial
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Form, Query, Request
from fastapi.responses import Response

from pc_worker.errors import InvalidRequest
from pc_worker.http.console.audit_trail import Action
from pc_worker.http.console.operations import Step, operations_of
from pc_worker.http.console.rendering import page_router, render, see
from pc_worker.http.console.session import Operator, OwnForm, Viewer, known_domains
from pc_worker.http.requests.context import AppContext, Context
from pc_worker.model import Model
from pc_worker.services.dependencies import Services
from pc_worker.services.models import change_model
from pc_worker.services.search.index.indexes import build_indexes, index_status, tune_indexes
from pc_worker.store.audit import read_audit
from pc_worker.store.models.registry import list_models

router = page_router()
#: Seconds of one step of a backfill, and of building or tuning an index.
BACKFILL_S, INDEX_S = 300.0, 4 * 3600.0
AUDITED = 50
Name = Annotated[str, Form(min_length=1, max_length=1_000)]


@router.get("/models")
async def models_page(
    request: Request, context: Context, caller: Viewer, domain: Annotated[str, Query(max_length=200)] = ""
) -> Response:
    """Show the models, and of one domain how far each covers it."""

    def read(services: Services) -> tuple[list[tuple[Model, list[str]]], list[change_model.Coverage]]:
        with services.database.transaction() as cursor:
            models = list_models(cursor)
        covered = [change_model.coverage(services, domain, model) for model, _ in models] if domain else []
        return models, covered

    models, covered = await context.services.run(read)
    shown = [
        (model, [name for name in names if caller.allows(name)], covered[place] if covered else None)
        for place, (model, names) in enumerate(models)
    ]
    return render(request, "models.html", models=shown, domain=domain, domains=known_domains(caller))


@router.post("/models/{what}", dependencies=[OwnForm])
async def act_on_model(
    request: Request,
    context: Context,
    caller: Operator,
    what: Literal["backfill", "compare", "switch"],
    domain: Name,
    model: Name,
) -> Response:
    """Backfill, compare or switch to a model."""
    caller.check(domain)
    work = {"backfill": _backfill, "compare": _compare, "switch": _switch}[what]
    action = Action(f"{what} model", {"domain": domain, "model": model})
    steps = work(context, domain, model)
    operation = operations_of(request).start(context, caller, action, steps, back=f"/models?domain={domain}")
    return see(f"/operations/{operation.key}")


async def _backfill(context: AppContext, domain: str, name: str) -> AsyncGenerator[Step, None]:
    model = await context.services.run(partial(_find, name=name))
    before = await context.services.run(lambda s: change_model.coverage(s, domain, model))
    after: UUID | None = change_model.FIRST
    while after is not None:
        left = await context.services.run(lambda s: change_model.coverage(s, domain, model))
        yield before.lacking - left.lacking, before.lacking, f"{left.lacking:,} rows lack vectors of {name}"
        began = time.monotonic()
        batch = partial(_batch, domain=domain, model=model, after=after)
        after = await context.services.run(batch, within_s=BACKFILL_S)
        rest = partial(_rest_s, worked_s=time.monotonic() - began)
        await asyncio.sleep(await context.services.run(rest))
    left = await context.services.run(lambda s: change_model.coverage(s, domain, model))
    yield before.lacking, before.lacking, f"{left.rows - left.lacking:,} of {left.rows:,} rows have vectors of {name}"


def _batch(services: Services, *, domain: str, model: Model, after: UUID) -> UUID | None:
    return change_model.backfill(services, domain, model, after=after)


def _rest_s(services: Services, *, worked_s: float) -> float:
    return change_model.rest_s(services.database, worked_s=worked_s)


async def _compare(context: AppContext, domain: str, name: str) -> AsyncGenerator[Step, None]:
    yield 0, 1, "comparing the nearest neighbours of a sample"
    found = await context.services.run(
        lambda s: change_model.compare(s, domain, _find(s, name=name)), within_s=BACKFILL_S
    )
    told = f"{found.rows:,} rows: {found.overlap:.0%} of the nearest neighbours of {found.active} are those of {name}"
    yield 1, 1, f"{told}; {found.lacking:,} rows lack vectors"


async def _switch(context: AppContext, domain: str, name: str) -> AsyncGenerator[Step, None]:
    yield 0, 1, "switching"
    rows = await context.services.run(
        lambda s: change_model.switch(s, domain, _find(s, name=name)), within_s=BACKFILL_S
    )
    yield 1, 1, f"{domain} uses {name}; {rows:,} rows are delivered again"


def _find(services: Services, *, name: str) -> Model:
    with services.database.transaction() as cursor:
        found = next((model for model, _ in list_models(cursor) if model.label == name), None)
    if found is None:
        raise InvalidRequest(f"there is no model {name[:200]!r}: register it with `models backfill` first")
    return found


@router.get("/index")
async def index_page(request: Request, context: Context, caller: Viewer) -> Response:
    """Show the vector indexes: size and recall."""
    states = await context.services.run(lambda services: index_status(services.database))
    return render(request, "index.html", states=[state for state in states if caller.allows(state.domain)])


@router.post("/index/{what}", dependencies=[OwnForm])
async def act_on_index(
    request: Request, context: Context, caller: Operator, what: Literal["build", "tune"], domain: Name
) -> Response:
    """Build or tune the index of a domain."""
    caller.check(domain)
    steps = (_build if what == "build" else _tune)(context, domain)
    action = Action(f"{what} index", {"domain": domain})
    operation = operations_of(request).start(context, caller, action, steps, back="/index")
    return see(f"/operations/{operation.key}")


async def _build(context: AppContext, domain: str) -> AsyncGenerator[Step, None]:
    yield 0, 1, "building"
    built = await context.services.run(lambda s: build_indexes(s.database, domain), within_s=INDEX_S)
    yield 1, 1, f"built: {', '.join(map(str, built))}" if built else "a search compares all vectors: no index is needed"


async def _tune(context: AppContext, domain: str) -> AsyncGenerator[Step, None]:
    yield 0, 1, "measuring the recall"
    tuned = await context.services.run(lambda s: tune_indexes(s.database, domain), within_s=INDEX_S)
    told = [f"{one.domain}: breadth {one.breadth}, recall {one.recall.mean:.3f}" for one in tuned]
    yield 1, 1, "; ".join(told) or "there is no index to tune"


@router.get("/audit")
async def audit_page(
    request: Request, context: Context, caller: Operator, before: Annotated[int | None, Query(ge=0)] = None
) -> Response:
    """Show who did what in the console."""

    def read(services: Services) -> list[object]:
        with services.database.transaction() as cursor:
            return list(
                read_audit(cursor, domains=caller.domains, caller=caller.label or "", before=before, limit=AUDITED)
            )

    return render(request, "audit.html", entries=await context.services.run(read), page=AUDITED)
