"""Ask: a question, the answer as it comes, and each [n] opens its passage."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Annotated
from uuid import UUID

from fastapi import Query, Request
from fastapi.responses import Response
from markupsafe import Markup, escape

from pc_worker.errors import NoLlm, NotFound
from pc_worker.http.answering import AnswerService, asker_of
from pc_worker.http.console.rendering import page_router, render
from pc_worker.http.console.session import Viewer, known_domains
from pc_worker.http.event_streams import ServerEvent, event_stream
from pc_worker.http.requests.connections import ENDS_WITH_CLIENT
from pc_worker.http.requests.context import AppContext, Context
from pc_worker.http.requests.roles import HttpCaller
from pc_worker.http.routes.answers import ANSWER_COST
from pc_worker.services.answers.answer import Answers
from pc_worker.services.answers.events import AnswerDelta, AnswerDone
from pc_worker.services.answers.recorded import answer_of_document, show_answer
from pc_worker.services.answers.request import Answer, AnswerRequest, Citation

router = page_router()
CITED = re.compile(r"\[(\d+)\]")
Text = Annotated[str, Query(max_length=4_000)]


def linked(text: str, citations: Sequence[Citation]) -> Markup:
    """Return the answer with each [n] as a link to its passage."""
    known = {citation.number for citation in citations}

    def link(found: re.Match[str]) -> str:
        number = int(found[1])
        return f'<a href="#passage-{number}">[{number}]</a>' if number in known else found[0]

    return Markup(CITED.sub(link, str(escape(text))))  # noqa: S704 - escaped first


@router.get("/ask", dependencies=[ENDS_WITH_CLIENT])
async def ask_page(
    request: Request,
    context: Context,
    caller: Viewer,
    answers: AnswerService,
    q: Text = "",
    domain: Text = "document",
    answer: UUID | None = None,
) -> Response:
    """Show the form, and with a question its answer; ``answer`` is the id of one that was given already."""
    shown: Answer | None = None
    complaint = ""
    if answer is not None:
        shown = await _recorded(context, caller, answer)
        q, domain = shown.question, shown.domain
    elif q.strip():
        caller.check(domain)
        await context.limiter.spend(caller.quota, ANSWER_COST)
        try:
            shown = await answers.answer(AnswerRequest(question=q, domain=domain), asker_of(caller))
        except NoLlm as exc:
            complaint = str(exc)
    return render(
        request,
        "ask.html",
        answer=shown,
        text=None if shown is None else linked(shown.answer, shown.citations),
        complaint=complaint,
        asked={"q": q, "domain": domain},
        domains=known_domains(caller),
    )


async def _recorded(context: AppContext, caller: HttpCaller, answer_id: UUID) -> Answer:
    """Return an answer of this caller as it was given: no model is asked, and nothing is spent.

    Raises:
        NotFound: If there is none, or its text is not kept any more.
    """
    kept = await context.services.run(lambda services: show_answer(services.database, str(answer_id), asker_of(caller)))
    if kept["document"] is None:
        raise NotFound("the text of this answer is not kept any more: ask again")
    return answer_of_document(kept["document"])


@router.get("/ask/stream")
async def ask_stream(
    context: Context, caller: Viewer, answers: AnswerService, q: Text, domain: Text = "document"
) -> Response:
    """Send the answer as events: its text as it comes, and at last its id, which the page shows it by."""
    caller.check(domain)
    await context.limiter.spend(caller.quota, ANSWER_COST)
    return await event_stream(context, caller, _events(answers, caller, q, domain))


async def _events(answers: Answers, caller: HttpCaller, q: str, domain: str) -> AsyncGenerator[ServerEvent, None]:
    """Yield the text as it comes and the answer's id; an error is an event, too, so that no page asks a second time."""
    yield ServerEvent(event="begin", data={})
    request = AnswerRequest(question=q, domain=domain)
    async with aclosing(answers.events(request, asker_of(caller))) as events:
        async for event in events:
            if isinstance(event, AnswerDelta):
                yield ServerEvent(event="delta", data={"text": event.text})
            elif isinstance(event, AnswerDone):
                yield ServerEvent(event="done", data={"id": event.answer.id})
