"""Domains at a glance, their rows, and their consumers."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import Path
from fastapi.responses import Response

from pc_worker.http.bodies import api_router
from pc_worker.http.context import Context
from pc_worker.http.documents import DomainDocument, RowDocument, SubscriptionDocument, domain_document
from pc_worker.http.paging import ListPage, Pages
from pc_worker.http.roles import Admin, Reader, Writer
from pc_worker.services.domain_overview import domain_overview, domain_overviews
from pc_worker.services.forget import forget_ids
from pc_worker.services.stored_rows import stored_row
from pc_worker.services.subscriptions import all_subscriptions, drop_subscription
from pc_worker.store.rows.read import FullRow

router = api_router(tag="domains")

DomainPath = Annotated[str, Path(max_length=200, description="A domain.")]
RowPath = Annotated[UUID, Path(description="The UUID of a row.")]
Gone: dict[int | str, dict[str, Any]] = {204: {"description": "It is gone."}}


@router.get("/v1/domains", summary="List domains")
async def list_domains(caller: Reader, context: Context, paging: Pages) -> ListPage[DomainDocument]:
    """Return the domains of the token: rows, head, model, index and consumers."""
    retention_s = context.settings.subscription_retention_s
    found = await context.services.run(lambda s: domain_overviews(s, caller.domains, retention_s=retention_s))
    return paging.cut("domains", [domain_document(one) for one in found], lambda one: (one.domain,), str)


@router.get("/v1/domains/{domain}", summary="Read a domain")
async def read_domain(caller: Reader, context: Context, domain: DomainPath) -> DomainDocument:
    """Return one domain: rows, head, model, index and consumers."""
    retention_s = context.settings.subscription_retention_s
    return domain_document(await context.services.run(lambda s: domain_overview(s, domain, retention_s=retention_s)))


@router.get("/v1/domains/{domain}/rows/{row_id}", summary="Read a row", response_model=RowDocument)
async def read_row(caller: Reader, context: Context, domain: DomainPath, row_id: RowPath) -> FullRow:
    """Return a row as it is stored now, with the passages of its text."""
    return await context.services.run(lambda s: stored_row(s, domain, str(row_id)))


@router.delete("/v1/domains/{domain}/rows/{row_id}", summary="Forget a row", status_code=204, responses=Gone)
async def forget_row(caller: Writer, context: Context, domain: DomainPath, row_id: RowPath) -> Response:
    """Delete a row with its vectors, terms and dead letters; consumers get a tombstone. Repeated, it does nothing."""
    await context.services.run(lambda s: forget_ids(s.database, domain, [row_id]))
    return Response(status_code=204)


@router.get("/v1/subscriptions", summary="List subscriptions")
async def list_subscriptions(caller: Reader, context: Context, paging: Pages) -> ListPage[SubscriptionDocument]:
    """Return the named consumers of the token's domains: their position, lag and holder."""
    retention_s = context.settings.subscription_retention_s
    found: list[dict[str, Any]] = await context.services.run(
        partial(all_subscriptions, domains=caller.domains, retention_s=retention_s)
    )
    documents = [SubscriptionDocument(**one) for one in found]
    return paging.cut("subscriptions", documents, lambda one: (one.domain, one.name), str, str)


@router.delete("/v1/subscriptions/{domain}/{name:path}", summary="Drop a subscription", status_code=204, responses=Gone)
async def remove_subscription(
    caller: Admin, context: Context, domain: DomainPath, name: Annotated[str, Path(max_length=1_000)]
) -> Response:
    """Remove a named consumer: it would start from the beginning."""
    await context.services.run(lambda s: drop_subscription(s, domain, name))
    return Response(status_code=204)
