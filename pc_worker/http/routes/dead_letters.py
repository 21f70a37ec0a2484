"""Dead letters: list them, and retry or drop all that match a filter, with progress."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from pc_worker.http.event_streams import ServerEvent, event_stream
from pc_worker.http.letter_operations import LetterProgress, drop_all, retry_all
from pc_worker.http.requests.bodies import api_router
from pc_worker.http.requests.context import AppContext, Context
from pc_worker.http.requests.paging import ListPage, Pages, encoded_cursor
from pc_worker.http.requests.roles import HttpCaller, Reader, Writer
from pc_worker.services.dead_letters.dead_list import LetterSelection, dead_document, dead_page, selected
from pc_worker.services.dependencies import Services
from pc_worker.services.ingest.rows.dead_letter import stored_json
from pc_worker.store.ledger.dead_rows import DeadKind, DeadPage, DeadRow
from pc_worker.store.ledger.letter_filter import LetterFilter

router = api_router(tag="dead letters")

Job = Annotated[str | None, Query(description="Only of this job.")]
Domain = Annotated[str | None, Query(description="Only of this domain.")]
Reason = Annotated[str, Query(description="Only those whose reason contains this text.")]


class DeadLetterDocument(BaseModel):
    """A refused row.

    `kind`: `row` = a dead letter, `push` = a batch server refused the row, `model` = too large with a model's vectors.
    """

    kind: DeadKind
    job_id: str | None
    row_no: int | None
    domain: str
    reason: str
    row: dict[str, Any] | None = Field(description="The row in normal form; its payload if it is stored.")
    created_at: datetime


class LetterAction(BaseModel):
    """What to act on."""

    model_config = ConfigDict(extra="forbid")

    filter: LetterSelection

    @model_validator(mode="before")
    @classmethod
    def _bare(cls, values: Any) -> Any:
        """Accept the fields of the filter without `filter` around them, but not nothing at all."""
        if isinstance(values, dict) and values and "filter" not in values:
            return {"filter": values}
        return values


@router.get("/v1/dead-letters", summary="List dead letters", response_model=ListPage[DeadLetterDocument])
async def list_dead_letters(
    caller: Reader, context: Context, paging: Pages, job: Job = None, domain: Domain = None, reason: Reason = ""
) -> Response:
    """Return refused rows, oldest first, each with its reason and its row; fewer than `limit` if they are large."""
    selection = LetterSelection(job=job, domain=domain, reason=reason)
    after = paging.after("dead-letters", datetime, str, str, int, str)

    def read(services: Services) -> DeadPage:
        return dead_page(services, _wanted(services, caller, selection), after=after, limit=paging.limit)

    found = await context.services.run(read)
    last = found.rows[-1].place if found.more else None
    page: dict[str, Any] = {
        "items": list(map(_document, found.rows)),
        "next_cursor": last and encoded_cursor("dead-letters", last),
    }
    return Response(stored_json(page), media_type="application/json")


def _document(row: DeadRow) -> dict[str, Any]:
    """Return the document; a lone surrogate, for which a row may be here, can only be sent as an escape."""
    document = dead_document(row)
    return DeadLetterDocument(**document | {"row": None}).model_dump(mode="json") | {"row": document["row"]}


@router.post("/v1/dead-letters/retry", summary="Retry dead letters", response_model=LetterProgress)
async def retry_dead_letters(caller: Writer, context: Context, action: LetterAction, request: Request) -> Response:
    """Retry all that match: from their unchanged source, else from their stored form.

    With `Accept: text/event-stream` the answer is a stream of events `progress`, and `done` with the document.
    Such a stream ends with its client, and the rest is left as it is; without one, all that match are retried.
    """
    wanted = await _checked(context, caller, action)
    return await _answer(context, caller, request, retry_all(context, wanted))


@router.post("/v1/dead-letters/drop", summary="Drop dead letters", response_model=LetterProgress)
async def drop_dead_letters(caller: Writer, context: Context, action: LetterAction, request: Request) -> Response:
    """Drop all that match: their rows count as skipped.

    With `Accept: text/event-stream` the answer is a stream of events `progress`, and `done` with the document.
    Such a stream ends with its client, and the rest is left as it is; without one, all that match are dropped.
    """
    wanted = await _checked(context, caller, action)
    return await _answer(context, caller, request, drop_all(context, wanted))


async def _checked(context: AppContext, caller: HttpCaller, action: LetterAction) -> LetterFilter:
    if action.filter.domain is not None:
        caller.check(action.filter.domain)
    return await context.services.run(lambda services: _wanted(services, caller, action.filter))


def _wanted(services: Services, caller: HttpCaller, selection: LetterSelection) -> LetterFilter:
    return selected(services, selection, known=caller.domains)


async def _answer(
    context: AppContext, caller: HttpCaller, request: Request, progress: AsyncGenerator[LetterProgress, None]
) -> Response:
    if "text/event-stream" in request.headers.get("accept", ""):
        return await event_stream(context, caller, _events(progress))
    last = [step async for step in progress][-1]
    return JSONResponse(last.model_dump())


async def _events(progress: AsyncGenerator[LetterProgress, None]) -> AsyncGenerator[ServerEvent, None]:
    async for step in progress:
        name: Literal["done", "progress"] = "done" if step.state == "done" else "progress"
        yield ServerEvent(event=name, data=step.model_dump())
