"""The search bench: three modes side by side, judgements by a click, and their measurement."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from dataclasses import asdict, dataclass
from functools import partial
from typing import Annotated, get_args
from uuid import UUID

from fastapi import Form, Query, Request
from fastapi.responses import Response

from pc_worker.errors import PcWorkerError
from pc_worker.http.console.audit_trail import Action, act
from pc_worker.http.console.operations import Step, operations_of
from pc_worker.http.console.rendering import page_router, render, see
from pc_worker.http.console.session import Editor, OwnForm, Viewer, known_domains
from pc_worker.http.requests.connections import ENDS_WITH_CLIENT
from pc_worker.http.requests.context import AppContext, Context
from pc_worker.http.requests.roles import HttpCaller
from pc_worker.http.routes.search import searched
from pc_worker.services.dependencies import Services
from pc_worker.services.search.quality.evaluate import evaluate
from pc_worker.services.search.quality.judgements import JudgedQuery
from pc_worker.services.search.reply import SearchResult
from pc_worker.services.search.request import Mode, SearchRequest
from pc_worker.store.search.judged import judge_hit, judged_hits

router = page_router()
MODES: tuple[Mode, ...] = get_args(Mode)
EVALUATION_S = 900.0
Text = Annotated[str, Query(max_length=16_384)]


@dataclass(frozen=True, slots=True)
class ModeResult:
    """What one mode found, or why it found nothing."""

    mode: Mode
    result: SearchResult | None
    complaint: str = ""


@router.get("/search", dependencies=[ENDS_WITH_CLIENT])
async def search_page(
    request: Request,
    context: Context,
    caller: Viewer,
    q: Text = "",
    domain: Text = "document",
    where: Text = "",
    k: Annotated[int, Query(ge=1, le=50)] = 10,
    feedback: bool = False,
) -> Response:
    """Show what each mode finds."""
    found: list[ModeResult] = []
    grades: dict[str, float] = {}
    if q.strip():
        caller.check(domain)
        filters = [line.strip() for line in where.splitlines() if line.strip()]
        for mode in MODES:
            asked = {"query": q, "domain": domain, "mode": mode, "k": k, "explain": True}
            asked |= {"where": filters} if filters else {}
            asked |= {"feedback": True} if feedback else {}  # otherwise as the domain has it
            found.append(await _found(context, caller, mode, asked))
        grades = await context.services.run(lambda services: _grades(services, domain, q))
    return render(
        request,
        "search.html",
        found=found,
        grades=grades,
        domains=known_domains(caller),
        asked={"q": q, "domain": domain, "where": where, "k": k, "feedback": feedback},
    )


async def _found(context: AppContext, caller: HttpCaller, mode: Mode, asked: dict[str, object]) -> ModeResult:
    try:
        wanted = SearchRequest(**asked)  # type: ignore[arg-type]  # validated by the model
        return ModeResult(mode, await searched(caller, context, wanted))
    except PcWorkerError as exc:
        return ModeResult(mode, None, str(exc))


def _grades(services: Services, domain: str, query: str) -> dict[str, float]:
    with services.database.transaction() as cursor:
        return {row: grade for asked, row, grade in judged_hits(cursor, domain) if asked == query}


@router.post("/search/judge", dependencies=[OwnForm])
async def judge(
    request: Request,
    context: Context,
    caller: Editor,
    q: Annotated[str, Form(min_length=1, max_length=16_384)],
    domain: Annotated[str, Form(max_length=200)],
    row: Annotated[UUID, Form()],
    grade: Annotated[float, Form(ge=0, le=10)],
    back: Annotated[str, Form(max_length=40_000)] = "/search",
) -> Response:
    """Record how well a hit answers the query."""
    caller.check(domain)

    def write(services: Services) -> None:
        with services.database.transaction() as cursor:
            judge_hit(cursor, domain, q, row, grade)

    await act(context, caller, Action("judge hit", {"domain": domain, "row": str(row), "grade": grade}), write)
    return see(back if back.startswith("/search") else "/search")


@router.get("/search/judged/{domain}.jsonl")
async def judged_file(context: Context, caller: Viewer, domain: str) -> Response:
    """Return the judged queries of a domain as a file for `eval`."""
    judged = await context.services.run(lambda services: _judged(services, domain))
    lines = (json.dumps({"query": one.query, "relevant": one.grades}, ensure_ascii=False) for one in judged)
    headers = {"Content-Disposition": f'attachment; filename="{domain}.jsonl"'}
    return Response("\n".join([*lines, ""]), media_type="application/x-ndjson", headers=headers)


def _judged(services: Services, domain: str) -> list[JudgedQuery]:
    by_query: dict[str, dict[str, float]] = {}
    with services.database.transaction() as cursor:
        for query, row, grade in judged_hits(cursor, domain):
            by_query.setdefault(query, {})[row] = grade
    return [JudgedQuery(query, {row: grade for row, grade in of.items() if grade}) for query, of in by_query.items()]


@router.post("/search/evaluate", dependencies=[OwnForm])
async def evaluate_judged(
    request: Request, context: Context, caller: Editor, domain: Annotated[str, Form(max_length=200)]
) -> Response:
    """Measure each mode with the judged queries of a domain."""
    caller.check(domain)
    steps, action = _evaluation(context, domain), Action("evaluate search", {"domain": domain})
    operation = operations_of(request).start(context, caller, action, steps, back=f"/search?domain={domain}")
    return see(f"/operations/{operation.key}")


async def _evaluation(context: AppContext, domain: str) -> AsyncGenerator[Step, None]:
    judged = [one for one in await context.services.run(partial(_judged, domain=domain)) if one.grades]
    yield 0, 1, f"{len(judged)} judged queries"
    found = await context.searches.run(
        lambda s: evaluate(s.database, domain, judged, encoder=s.encoder), within_s=EVALUATION_S
    )
    told = "; ".join(
        f"{mode}: " + ", ".join(f"{name.replace('_', '@')} {value:.2f}" for name, value in asdict(quality).items())
        for mode, quality in found.modes.items()
    )
    yield 1, 1, f"{found.queries} queries. {told}"
