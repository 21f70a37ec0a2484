"""The first page: is the line healthy, what to do, and what it does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, FastAPI, Request
from fastapi.responses import Response

from pc_worker.doctor import Finding, diagnose
from pc_worker.errors import Unavailable
from pc_worker.http.console.plots import Bar, bars
from pc_worker.http.console.rendering import page_router, render
from pc_worker.http.console.session import Viewer
from pc_worker.http.requests.context import AppContext, Context
from pc_worker.http.shared_value import RecentValue
from pc_worker.services.dead_letters.dead_list import count_dead
from pc_worker.services.dependencies import Services
from pc_worker.services.domain_overview import DomainOverview, domain_overviews
from pc_worker.store.ledger.activity import Activity, read_activity
from pc_worker.store.ledger.letter_filter import LetterFilter

router = page_router()

#: Checks of the machine of a part that would start; a running one has these ports itself.
OF_A_START = ("port",)
#: Seconds that the result of the checks is shown: they connect to each server, and many browsers may show this page.
CHECKED_FOR_S = 5.0


@asynccontextmanager
async def line_health(app: FastAPI) -> AsyncIterator[None]:
    """Provide what is wrong with the installation while the application lives: checked once for all who look."""
    context: AppContext = app.state.context

    async def check() -> list[Finding]:
        # In a thread without a connection: that the database does not answer is a finding.
        return await asyncio.to_thread(lambda: _wrong(diagnose(context.settings)))

    app.state.line_health = RecentValue(check, keep_s=CHECKED_FOR_S)
    yield


async def wrong_findings(request: Request, caller: Viewer) -> list[Finding]:
    """Return what is wrong, for callers who may see the whole installation."""
    health: RecentValue[list[Finding]] = request.app.state.line_health
    return await health.get() if caller.domains is None else []


@router.get("/")
async def overview_page(
    request: Request, context: Context, caller: Viewer, wrong: Annotated[list[Finding], Depends(wrong_findings)]
) -> Response:
    """Show the state of the line."""

    def read(services: Services) -> tuple[Activity, list[DomainOverview], int]:
        with services.database.transaction() as cursor:
            activity = read_activity(cursor, caller.domains)
        domains = domain_overviews(services, caller.domains, retention_s=context.settings.subscription_retention_s)
        counts = count_dead(services, LetterFilter(domains=caller.domains))
        return activity, domains, sum(counts.values())

    try:
        activity, domains, dead = await context.services.run(read)
    except Unavailable:
        if not wrong:
            raise
        return render(request, "overview.html", status=503, wrong=wrong, activity=None)
    hours = [Bar(rows, f"{hour:%H:00} UTC: {rows:,} rows") for hour, rows in activity.hours]
    return render(
        request,
        "overview.html",
        activity=activity,
        domains=domains,
        dead=dead,
        wrong=wrong,
        plot=bars(hours, title="Rows in each of the last 24 hours"),
    )


def _wrong(findings: list[Finding]) -> list[Finding]:
    return [one for one in findings if not one.ok and not one.check.lower().startswith(OF_A_START)]
