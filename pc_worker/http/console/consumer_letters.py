"""Consumers with their dead letters; drop a consumer, retry or drop its dead letters."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Form, Request
from fastapi.responses import Response

from pc_worker.http.console.audit_trail import Action, act
from pc_worker.http.console.rendering import page_router, render, see
from pc_worker.http.console.session import Editor, Operator, OwnForm, Viewer
from pc_worker.http.requests.context import Context
from pc_worker.model.shard import MAX_SHARDS
from pc_worker.model.start_point import read_start
from pc_worker.services.dependencies import Services
from pc_worker.services.nacked_rows import drop_nacked, nacked_document, nacked_page, retry_nacked
from pc_worker.services.subscriptions import (
    all_subscriptions,
    drop_subscription,
    reshard_subscription,
    seek_subscription,
)
from pc_worker.store.log.nacked_rows import NackedFilter

router = page_router()
#: Dead letters that are shown.
SHOWN = 50
Name = Annotated[str, Form(min_length=1, max_length=1_000)]


@router.get("/consumers")
async def consumers_page(request: Request, context: Context, caller: Viewer) -> Response:
    """Show the named consumers: their lag, who holds them, and the rows that they could not store."""
    retention_s = context.settings.subscription_retention_s

    def read(services: Services) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        found = all_subscriptions(services, domains=caller.domains, retention_s=retention_s)
        letters = nacked_page(services, NackedFilter(domains=caller.domains), with_rows=True, limit=SHOWN)
        return found, [nacked_document(row) for row in letters]

    consumers, letters = await context.services.run(read)
    return render(request, "consumers.html", consumers=consumers, letters=letters)


@router.post("/consumers/seek", dependencies=[OwnForm])
async def seek_consumer(
    context: Context, caller: Operator, domain: Name, name: Name, to: Annotated[str, Form(max_length=100)]
) -> Response:
    """Set where a named consumer continues."""
    caller.check(domain)
    action, start = Action("seek consumer", {"domain": domain, "name": name, "to": to}), read_start(to)
    await act(context, caller, action, lambda services: seek_subscription(services, domain, name, start))
    return see("/consumers")


@router.post("/consumers/reshard", dependencies=[OwnForm])
async def reshard_consumer(
    context: Context, caller: Operator, domain: Name, name: Name, shards: Annotated[int, Form(ge=1, le=MAX_SHARDS)]
) -> Response:
    """Set the number of shards of a named consumer."""
    caller.check(domain)
    action = Action("reshard consumer", {"domain": domain, "name": name, "shards": shards})
    await act(context, caller, action, lambda services: reshard_subscription(services, domain, name, shards))
    return see("/consumers")


@router.post("/consumers/drop", dependencies=[OwnForm])
async def drop_consumer(context: Context, caller: Operator, domain: Name, name: Name) -> Response:
    """Drop a named consumer."""
    caller.check(domain)
    action = Action("drop consumer", {"domain": domain, "name": name})
    await act(context, caller, action, lambda services: drop_subscription(services, domain, name))
    return see("/consumers")


@router.post("/consumers/dead-letters/{what}", dependencies=[OwnForm])
async def act_on_consumer_letters(
    context: Context,
    caller: Editor,
    what: Literal["retry", "drop"],
    domain: Name,
    name: Name,
    row_id: Annotated[UUID | None, Form()] = None,
) -> Response:
    """Retry or drop the dead letters of a consumer, or one of them."""
    caller.check(domain)
    wanted = NackedFilter(domains=(domain,), name=name, row_ids=None if row_id is None else (row_id,))
    work = retry_nacked if what == "retry" else drop_nacked
    target = {"domain": domain, "name": name, "row_id": None if row_id is None else str(row_id)}
    action = Action(f"{what} dead letters of a consumer", target)
    await act(context, caller, action, lambda services: work(services, wanted))
    return see("/consumers")
