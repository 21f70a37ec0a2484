"""Domains at a glance, and their rows."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path
from fastapi.responses import Response

from pc_worker.http.documents import DomainDocument, RowDocument, domain_document
from pc_worker.http.requests.bodies import api_router
from pc_worker.http.requests.context import Context
from pc_worker.http.requests.paging import ListPage, Pages
from pc_worker.http.requests.roles import Reader, Writer
from pc_worker.services.domain_overview import domain_overview, domain_overviews
from pc_worker.services.forget import forget_ids
from pc_worker.services.stored_rows import read_row_id, stored_row
from pc_worker.store.rows.read import FullRow

router = api_router(tag="domains")

DomainPath = Annotated[str, Path(description="A domain.")]
RowPath = Annotated[str, Path(description="The UUID of a row.", json_schema_extra={"format": "uuid"})]
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
    return await context.services.run(lambda s: stored_row(s, domain, row_id))


@router.delete("/v1/domains/{domain}/rows/{row_id}", summary="Forget a row", status_code=204, responses=Gone)
async def forget_row(caller: Writer, context: Context, domain: DomainPath, row_id: RowPath) -> Response:
    """Delete a row with its vectors, terms and dead letters; consumers get a tombstone. Repeated, it does nothing."""
    await context.services.run(lambda s: forget_ids(s.database, domain, [read_row_id(row_id)]))
    return Response(status_code=204)
