"""The answer service of the HTTP part: one for the application, warmed when it starts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, cast

from fastapi import Depends, FastAPI, Request

from pc_worker.http.requests.context import AppContext
from pc_worker.http.requests.roles import HttpCaller
from pc_worker.services.answers.answer import Answers
from pc_worker.services.answers.request import Asker
from pc_worker.wiring.answers import make_answers


@asynccontextmanager
async def answer_service(app: FastAPI) -> AsyncIterator[None]:
    """Provide the answer service while the application lives; its libraries are imported in the background."""
    context: AppContext = app.state.context
    answers = app.state.answers = make_answers(context.settings, context.services.run, search=context.searches.run)
    warming = asyncio.create_task(asyncio.to_thread(answers.models.warm))
    try:
        yield
    finally:
        await warming
        await answers.close()


async def _answers_of(request: Request) -> Answers:
    return cast(Answers, request.app.state.answers)


#: For parameters of routes: ``answers: AnswerService``.
AnswerService = Annotated[Answers, Depends(_answers_of)]


def asker_of(caller: HttpCaller) -> Asker:
    """Return who asks, for the record, the cache and the budget."""
    return Asker(caller.grant.token or "", caller.domains)
