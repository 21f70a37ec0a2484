"""Named consumers of the acknowledged stream."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from fastapi import Path
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from pc_worker.http.documents import Document, SubscriptionDocument
from pc_worker.http.requests.bodies import api_router
from pc_worker.http.requests.context import Context
from pc_worker.http.requests.paging import ListPage, Pages
from pc_worker.http.requests.roles import Admin, Reader
from pc_worker.http.routes.domains import DomainPath, Gone
from pc_worker.model.shard import MAX_SHARDS
from pc_worker.model.start_point import read_start
from pc_worker.services.subscriptions import (
    all_subscriptions,
    drop_subscription,
    reshard_subscription,
    seek_subscription,
)

router = api_router(tag="domains")

NamePath = Annotated[str, Path(description="The subscription's name.")]
Held: dict[int | str, dict[str, Any]] = {409: {"description": "A consumer holds it: stop that one first."}}


class SeekRequest(BaseModel):
    """Where a subscription continues."""

    model_config = ConfigDict(strict=True, extra="forbid")

    to: int | Annotated[str, Field(max_length=100)] = Field(
        description="`beginning`, `now`, the position after which it continues, or a time in ISO 8601: it continues "
        "with the rows committed at or after it.",
        examples=["beginning", "2026-11-29T06:00:00+01:00", 4711],
    )


class ReshardRequest(BaseModel):
    """How many consumers share a subscription."""

    model_config = ConfigDict(strict=True, extra="forbid")

    shards: int = Field(ge=1, le=MAX_SHARDS, examples=[3])


class SeekResult(Document):
    """The position of a subscription."""

    domain: str
    name: str
    position: int = Field(description="It continues after this position.")


@router.get("/v1/subscriptions", summary="List subscriptions")
async def list_subscriptions(caller: Reader, context: Context, paging: Pages) -> ListPage[SubscriptionDocument]:
    """Return the named consumers of the token's domains: their position, lag and holder."""
    retention_s = context.settings.subscription_retention_s
    found: list[dict[str, Any]] = await context.services.run(
        partial(all_subscriptions, domains=caller.domains, retention_s=retention_s)
    )
    documents = [SubscriptionDocument(**one) for one in found]
    return paging.cut("subscriptions", documents, lambda one: (one.domain, one.name, one.shard), str, str, int)


@router.post("/v1/subscriptions/{domain}/{name:path}/seek", summary="Seek a subscription", responses=Held)
async def move_subscription(
    caller: Admin, context: Context, domain: DomainPath, name: NamePath, wanted: SeekRequest
) -> SeekResult:
    """Set where a subscription continues: rows are delivered again, or left out. Its consumer must be stopped."""
    start = read_start(wanted.to)
    position = await context.services.run(lambda s: seek_subscription(s, domain, name, start))
    return SeekResult(domain=domain, name=name, position=position)


@router.post("/v1/subscriptions/{domain}/{name:path}/reshard", summary="Reshard a subscription", responses=Held)
async def divide_subscription(
    caller: Admin, context: Context, domain: DomainPath, name: NamePath, wanted: ReshardRequest
) -> SeekResult:
    """Set the number of shards; all continue after the position of the slowest. Its consumers must be stopped."""
    position = await context.services.run(lambda s: reshard_subscription(s, domain, name, wanted.shards))
    return SeekResult(domain=domain, name=name, position=position)


@router.delete("/v1/subscriptions/{domain}/{name:path}", summary="Drop a subscription", status_code=204, responses=Gone)
async def remove_subscription(caller: Admin, context: Context, domain: DomainPath, name: NamePath) -> Response:
    """Remove a named consumer: it would start from the beginning."""
    await context.services.run(lambda s: drop_subscription(s, domain, name))
    return Response(status_code=204)
