"""`POST /v1/chat/completions`: answers for OpenAI's clients."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any
from uuid import uuid4

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from pc_worker.http.answering import AnswerService, asker_of
from pc_worker.http.event_streams import ServerEvent, event_stream
from pc_worker.http.requests.connections import ENDS_WITH_CLIENT
from pc_worker.http.requests.context import Context
from pc_worker.http.requests.roles import HttpCaller, Reader
from pc_worker.http.routes.answers import ANSWER_COST
from pc_worker.http.shapes.chat import (
    ChatCompletion,
    ChatRequest,
    answer_request,
    chunk,
    completion,
    last_chunks,
)
from pc_worker.http.shapes.openai import openai_members
from pc_worker.http.shapes.shaped_routes import shaped_router
from pc_worker.services.answers.answer import Answers
from pc_worker.services.answers.events import AnswerDelta, AnswerDone

router = shaped_router(tag="OpenAI's shapes", members=openai_members)
DESCRIBED: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The completion; with `stream` its parts as server-sent events, then `[DONE]`.",
        "model": ChatCompletion,
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    },
}


@router.post(
    "/v1/chat/completions",
    summary="Answer in a conversation",
    responses=DESCRIBED,
    dependencies=[ENDS_WITH_CLIENT],
)
async def create_completion(
    caller: Reader, context: Context, answers: AnswerService, chat: ChatRequest, request: Request
) -> Response:
    """Answer the last question of a conversation from the domain that `model` names.

    Citations are annotations of the message, and a list at the end of its text. A question that follows up on earlier
    turns is rewritten first.
    """
    wanted, base_url = answer_request(chat), str(request.base_url).rstrip("/")
    caller.check(wanted.domain)
    await context.limiter.spend(caller.quota, ANSWER_COST)
    if chat.stream:
        return await event_stream(context, caller, _parts(answers, chat, caller, base_url), members=openai_members)
    answer = await answers.answer(wanted, asker_of(caller))
    return JSONResponse(completion(answer, model=chat.model, created=int(time.time()), base_url=base_url))


async def _parts(
    answers: Answers, chat: ChatRequest, caller: HttpCaller, base_url: str
) -> AsyncGenerator[ServerEvent, None]:
    model, created, answer_id, begun = chat.model, int(time.time()), str(uuid4()), False
    async with aclosing(answers.events(answer_request(chat), asker_of(caller))) as events:
        async for event in events:
            if not begun:
                begun = True
                yield ServerEvent(data=chunk(answer_id, model, created, {"role": "assistant", "content": ""}))
            if isinstance(event, AnswerDelta):
                yield ServerEvent(data=chunk(answer_id, model, created, {"content": event.text}))
            elif isinstance(event, AnswerDone):
                ends = last_chunks(event.answer, model, created, base_url=base_url, usage=chat.with_usage)
                for last in ends:
                    yield ServerEvent(data=last | {"id": f"chatcmpl-{answer_id}"})
    yield ServerEvent(raw="[DONE]")
