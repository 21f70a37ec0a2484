"""The first page: is the line healthy, what to do, and what it does."""

from __future__ import annotations

from fastapi import Request
from fastapi.responses import Response

from pc_worker.doctor import Finding, diagnose
from pc_worker.http.console.plots import Bar, bars
from pc_worker.http.console.rendering import page_router, render
from pc_worker.http.console.session import Viewer
from pc_worker.http.context import Context
from pc_worker.services.dependencies import Services
from pc_worker.services.domain_overview import DomainOverview, domain_overviews
from pc_worker.services.jobs.dead_list import count_dead
from pc_worker.store.ledger.activity import Activity, read_activity
from pc_worker.store.ledger.letter_filter import LetterFilter

router = page_router()

#: Checks of the machine of a part that would start; a running one has these ports itself.
OF_A_START = ("port",)


@router.get("/")
async def overview_page(request: Request, context: Context, caller: Viewer) -> Response:
    """Show the state of the line."""

    def read(services: Services) -> tuple[Activity, list[DomainOverview], int]:
        with services.database.transaction() as cursor:
            activity = read_activity(cursor, caller.domains)
        domains = domain_overviews(services, caller.domains, retention_s=context.settings.subscription_retention_s)
        counts = count_dead(services, LetterFilter(domains=caller.domains))
        return activity, domains, sum(counts.values())

    activity, domains, dead = await context.services.run(read)
    wrong: list[Finding] = []
    if caller.domains is None:  # the whole installation is the business of those who may see all of it
        wrong = await context.services.run(lambda _: _wrong(diagnose(context.settings)))
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
