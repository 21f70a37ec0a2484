"""Answers with citations: as a document or as events, what they cost, and what readers think of them."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from pc_worker.http.answering import AnswerService, asker_of
from pc_worker.http.event_streams import ServerEvent, event_stream
from pc_worker.http.requests.bodies import api_router
from pc_worker.http.requests.connections import ENDS_WITH_CLIENT
from pc_worker.http.requests.context import Context
from pc_worker.http.requests.roles import HttpCaller, Reader
from pc_worker.services.answers.answer import Answers
from pc_worker.services.answers.events import EVENT_NAMES
from pc_worker.services.answers.recorded import MAX_COMMENT_CHARS, MAX_DAYS, rate, show_answer, usage
from pc_worker.services.answers.request import AnswerArguments, AnswerRequest, FlagKind
from pc_worker.services.request_model import RequestModel

router = api_router(tag="answers")

#: What an answer costs of the limit of searches of one minute.
ANSWER_COST = 10


class AnswerBody(AnswerArguments):
    """A question to a domain."""

    stream: bool = Field(default=False, description="true or false: send events")


class PassageShown(BaseModel):
    """A passage, as a range of characters; one that joins rows also has who says it and when."""

    model_config = ConfigDict(extra="allow")

    text: str
    start: int
    end: int


class CitationShown(BaseModel):
    """A passage that the answer cites as `[number]`."""

    number: int
    id: str = Field(description="The row.")
    domain: str
    passage: PassageShown
    payload: dict[str, Any]


class UsageShown(BaseModel):
    """The tokens of all conversations with models, and their cost; null if a price is unknown."""

    input_tokens: int
    output_tokens: int
    cost_usd: float | None
    cached: bool


class FlagShown(BaseModel):
    """What a check found in the answer."""

    kind: FlagKind
    text: str
    sentence: str = ""


class AnswerShown(BaseModel):
    """An answer: every `[n]` in it has its citation, and the other way round."""

    id: str
    question: str
    domain: str
    answer: str
    citations: list[CitationShown]
    refused: bool = Field(description="The rows do not answer the question.")
    model: str | None = Field(description="The model that wrote it; null if none was asked.")
    prompt: str = Field(description="Name, version and hash of the prompt.")
    usage: UsageShown
    flags: list[FlagShown]
    took_ms: float


class Feedback(RequestModel):
    """What a reader thinks of an answer."""

    rating: int = Field(ge=-1, le=1, description="1 (helpful), 0 or -1 (wrong)")
    comment: str | None = Field(
        default=None, max_length=MAX_COMMENT_CHARS, description=f"a text of at most {MAX_COMMENT_CHARS:,} characters"
    )


DESCRIBED: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The answer; with `stream` the events `search`, `delta`, `citation`, `done` and `error`.",
        "model": AnswerShown,
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    },
}


@router.post(
    "/v1/answers",
    summary="Answer a question",
    responses=DESCRIBED,
    response_class=JSONResponse,
    dependencies=[ENDS_WITH_CLIENT],
)
async def create_answer(
    caller: Reader, context: Context, answers: AnswerService, body: AnswerBody, request: Request
) -> Response:
    """Answer a question from the rows of a domain, with citations.

    With `stream`, or if the client accepts only `text/event-stream`, the events are sent as they happen.
    """
    caller.check(body.domain)
    wanted = AnswerRequest.of(body)
    await context.limiter.spend(caller.quota, ANSWER_COST)
    if body.stream or request.headers.get("accept", "").startswith("text/event-stream"):
        return await event_stream(context, caller, _events(answers, wanted, caller))
    return JSONResponse((await answers.answer(wanted, asker_of(caller))).to_dict())


async def _events(answers: Answers, wanted: AnswerRequest, caller: HttpCaller) -> AsyncGenerator[ServerEvent, None]:
    async with aclosing(answers.events(wanted, asker_of(caller))) as events:
        async for event in events:
            yield ServerEvent(event=EVENT_NAMES[type(event)], data=event.to_dict())


@router.get("/v1/answers/usage", summary="What answers cost")
async def answers_usage(
    caller: Reader,
    context: Context,
    days: Annotated[int, Query(ge=1, le=MAX_DAYS, description="Days (UTC), today included.")] = 1,
) -> JSONResponse:
    """Return answers, tokens and cost by day, domain, token and model: those of the token; with role admin of all."""
    domains = None if caller.domains is None else sorted(caller.domains)
    token = None if caller.grant.token is None or "admin" in caller.grant.roles else caller.grant.token
    return JSONResponse(
        await context.services.run(lambda s: usage(s.database, days=days, domains=domains, token=token))
    )


@router.get("/v1/answers/{answer_id}", summary="Get an answer")
async def get_answer(caller: Reader, context: Context, answer_id: UUID) -> JSONResponse:
    """Return what is kept of an answer of this token: models tried, cost, citations."""
    return JSONResponse(await context.services.run(lambda s: show_answer(s.database, str(answer_id), asker_of(caller))))


@router.post("/v1/answers/{answer_id}/feedback", summary="Rate an answer")
async def rate_answer(caller: Reader, context: Context, answer_id: UUID, feedback: Feedback) -> JSONResponse:
    """Keep what a reader thinks of an answer of this token; the newest rating counts."""
    asker, found = asker_of(caller), str(answer_id)
    await context.services.run(
        lambda s: rate(s.database, found, rating=feedback.rating, comment=feedback.comment, asker=asker)
    )
    return JSONResponse({"id": found, "rating": feedback.rating, "comment": feedback.comment})
