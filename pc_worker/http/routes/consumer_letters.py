"""Rows that consumers could not store: list, retry, drop."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Path, Query
from pydantic import BaseModel, ConfigDict, Field

from pc_worker.errors import InvalidCursor
from pc_worker.http.requests.bodies import api_router
from pc_worker.http.requests.context import Context
from pc_worker.http.requests.paging import NOT_OF_THIS_LIST, ListPage, Pages
from pc_worker.http.requests.roles import Reader, Writer
from pc_worker.services.nacked_rows import drop_nacked, nacked_document, nacked_page, retry_nacked
from pc_worker.store.log.nacked_rows import NackedFilter, NackedState

router = api_router(tag="domains")

LIST = "consumer-letters"
DomainPath = Annotated[str, Path(description="A domain.")]
NamePath = Annotated[str, Path(description="The name of a subscription.")]
WantedState = Annotated[NackedState, Query(description="dead: not delivered any more; waiting: to be delivered again.")]


class ConsumerLetterDocument(BaseModel):
    """A row that a consumer could not store."""

    domain: str
    subscription: str
    row_id: UUID
    position: int = Field(description="Its position in the log.")
    state: NackedState
    deliveries: int = Field(description="How often it was delivered, since the last retry.")
    reason: str = Field(description="Of the last nack.")
    nacked_at: datetime
    due_at: datetime | None = Field(description="When it is delivered again; null for a dead letter.")
    row: dict[str, Any] | None = Field(description="The row as it is stored.")


class ConsumerLetterSelection(BaseModel):
    """Which dead letters of the subscription."""

    model_config = ConfigDict(extra="forbid")

    row_ids: list[UUID] | None = Field(default=None, min_length=1, max_length=10_000, description="Absent = all.")


class RetriedDocument(BaseModel):
    """How many dead letters are delivered again."""

    retried: int


class DroppedDocument(BaseModel):
    """How many dead letters were dropped."""

    dropped: int


@router.get("/v1/subscriptions/{domain}/{name}/dead-letters", summary="List the dead letters of a subscription")
async def list_consumer_letters(
    caller: Reader, context: Context, domain: DomainPath, name: NamePath, paging: Pages, state: WantedState = "dead"
) -> ListPage[ConsumerLetterDocument]:
    """Return the rows that the consumer nacked, each with its reason, its deliveries and the row."""
    after = paging.after(LIST, str, str, str)
    if after is not None:
        _check_row_id(after[2])
    found = await context.services.run(
        lambda s: nacked_page(
            s, _wanted(domain, name), state=state, with_rows=True, after=after, limit=paging.limit + 1
        )
    )
    page = paging.page(LIST, found, lambda row: row.place)
    items = [ConsumerLetterDocument(**nacked_document(row)) for row in page.items]
    return ListPage(items=items, next_cursor=page.next_cursor)


@router.post("/v1/subscriptions/{domain}/{name}/dead-letters/retry", summary="Retry dead letters of a subscription")
async def retry_consumer_letters(
    caller: Writer, context: Context, domain: DomainPath, name: NamePath, selection: ConsumerLetterSelection
) -> RetriedDocument:
    """Deliver these rows again: at once if the consumer is connected, else as soon as it is."""
    wanted = _wanted(domain, name, selection.row_ids)
    return RetriedDocument(retried=await context.services.run(lambda s: retry_nacked(s, wanted)))


@router.post("/v1/subscriptions/{domain}/{name}/dead-letters/drop", summary="Drop dead letters of a subscription")
async def drop_consumer_letters(
    caller: Writer, context: Context, domain: DomainPath, name: NamePath, selection: ConsumerLetterSelection
) -> DroppedDocument:
    """Drop these rows: the consumer gets them only in a newer version."""
    wanted = _wanted(domain, name, selection.row_ids)
    return DroppedDocument(dropped=await context.services.run(lambda s: drop_nacked(s, wanted)))


def _wanted(domain: str, name: str, row_ids: list[UUID] | None = None) -> NackedFilter:
    return NackedFilter(domains=(domain,), name=name, row_ids=row_ids)


def _check_row_id(text: str) -> None:
    try:
        UUID(text)
    except ValueError as exc:
        raise InvalidCursor(NOT_OF_THIS_LIST) from exc
