"""Dead letters, grouped by reason; retry or drop all that match, with progress."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Annotated, Literal

from fastapi import Form, Query, Request
from fastapi.responses import Response

from pc_worker.http.console.audit_trail import Action
from pc_worker.http.console.operations import Step, operations_of
from pc_worker.http.console.rendering import page_router, render, see
from pc_worker.http.console.session import Editor, OwnForm, Viewer
from pc_worker.http.letter_operations import LetterProgress, drop_all, retry_all
from pc_worker.http.requests.context import AppContext, Context
from pc_worker.http.requests.roles import HttpCaller
from pc_worker.services.dead_letters.dead_list import checked_filter, dead_document, dead_page, letter_groups
from pc_worker.services.dependencies import Services
from pc_worker.store.ledger.dead_rows import DeadRow, LetterGroup
from pc_worker.store.ledger.letter_filter import LetterFilter

router = page_router()
#: Rows that are shown of a group.
SHOWN = 20
Text = Annotated[str, Query(max_length=1_000)]
Field = Annotated[str, Form(max_length=1_000)]


def _wanted(caller: HttpCaller, job: str, domain: str, reason: str) -> LetterFilter:
    return LetterFilter(
        job_id=job or None, domains=frozenset((domain,)) if domain else caller.domains, reason=reason.strip()
    )


@router.get("/dead-letters")
async def letters_page(
    request: Request, context: Context, caller: Viewer, job: Text = "", domain: Text = "", reason: Text = ""
) -> Response:
    """Show the refused rows by reason, and the first rows of what is asked for."""

    def read(services: Services) -> tuple[list[LetterGroup], Sequence[DeadRow]]:
        wanted = checked_filter(services, _wanted(caller, job, domain, reason), known=caller.domains)
        return letter_groups(services, wanted), dead_page(services, wanted, after=None, limit=SHOWN).rows

    groups, rows = await context.services.run(read)
    return render(
        request,
        "letters.html",
        groups=groups,
        rows=[dead_document(row) for row in rows],
        total=sum(group.rows for group in groups),
        asked={"job": job, "domain": domain, "reason": reason},
    )


@router.post("/dead-letters/{what}", dependencies=[OwnForm])
async def act_on_letters(
    request: Request,
    context: Context,
    caller: Editor,
    what: Literal["retry", "drop"],
    job: Field = "",
    domain: Field = "",
    reason: Field = "",
) -> Response:
    """Retry or drop all that match."""
    if domain:
        caller.check(domain)
    wanted = await context.services.run(
        lambda services: checked_filter(services, _wanted(caller, job, domain, reason), known=caller.domains)
    )
    action = Action(f"{what} dead letters", {"job": job or None, "domain": domain or None, "reason": reason or None})
    steps = _steps(context, wanted, what)
    operation = operations_of(request).start(context, caller, action, steps, back="/dead-letters")
    return see(f"/operations/{operation.key}")


async def _steps(
    context: AppContext, wanted: LetterFilter, what: Literal["retry", "drop"]
) -> AsyncGenerator[Step, None]:
    work = retry_all(context, wanted) if what == "retry" else drop_all(context, wanted)
    async for progress in work:
        yield progress.done, progress.matched, _told(progress)


def _told(progress: LetterProgress) -> str:
    names = ("dropped",) if progress.operation == "drop" else ("written", "unchanged", "skipped", "dead")
    return ", ".join(f"{getattr(progress, name):,} {name}" for name in names)


@router.get("/operations/{key}")
async def operation_page(request: Request, caller: Viewer, key: str) -> Response:
    """Show how far an operation is."""
    return render(request, "operation.html", operation=operations_of(request).find(caller, key))


@router.get("/operations/{key}/live")
async def operation_live(request: Request, caller: Viewer, key: str) -> Response:
    """Show the part of an operation's page that changes."""
    return render(request, "operation_live.html", operation=operations_of(request).find(caller, key))
