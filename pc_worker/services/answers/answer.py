"""Answer a question from a domain's rows: cache, search, write, check, record."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from time import monotonic
from typing import Any
from uuid import uuid4

from pc_worker.errors import LlmUnavailable, PcWorkerError
from pc_worker.metrics import answers as metrics
from pc_worker.model.language_model import LanguageModel
from pc_worker.services.answers.checks.check import CITATION, CheckedSentence
from pc_worker.services.answers.events import AnswerDelta, AnswerDone, AnswerEvent, CitationGiven, PassagesFound
from pc_worker.services.answers.evidence import Evidence
from pc_worker.services.answers.ledger import end_answer, fail_answer, milliseconds_since, open_answer
from pc_worker.services.answers.models.configured import Attempts, LlmModels, load_libraries
from pc_worker.services.answers.models.prompt_files import newest_prompt
from pc_worker.services.answers.phrases import nothing_found
from pc_worker.services.answers.recorded import answer_of_document
from pc_worker.services.answers.request import Answer, AnswerRequest, Asker, Citation, Flag, check_answer_request
from pc_worker.services.answers.retrieval.expand import expand_question
from pc_worker.services.answers.retrieval.retrieve import Wanted, retrieve
from pc_worker.services.answers.retrieval.rewrite import rewritten
from pc_worker.services.answers.tools import RunWork, Toolbox
from pc_worker.services.answers.work import AnswerLimits, AnswerWork
from pc_worker.services.answers.write import AnswerWriter


class Answers:
    """Answers questions; one for a process, whose event loop it belongs to.

    Args:
        models: The language models.
        run: Runs a blocking function with services in a thread: the record of an answer.
        search: Runs a search in a thread; its connection may be read-only.
        limits: The limits.
    """

    def __init__(self, models: LlmModels, *, run: RunWork, search: RunWork | None = None, limits: AnswerLimits) -> None:
        self.models, self._run, self._limits = models, run, limits
        self._search_run: RunWork = run if search is None else search

    async def answer(self, request: AnswerRequest, asker: Asker | None = None) -> Answer:
        """Return the answer of a question.

        Raises:
            PcWorkerError: As ``events``.
        """
        async with aclosing(self.events(request, asker, stream=False)) as events:
            async for event in events:
                if isinstance(event, AnswerDone):
                    return event.answer
        raise LlmUnavailable("the answer ended without a result")

    async def close(self) -> None:
        """Close the connections to the models."""
        await self.models.close()

    async def events(
        self, request: AnswerRequest, asker: Asker | None = None, *, stream: bool = True
    ) -> AsyncGenerator[AnswerEvent, None]:
        """Yield what happens until the answer is there; the last event is ``AnswerDone``.

        Raises:
            InvalidRequest: If the request is wrong.
            PermissionDenied: If the asker may not read the domain.
            NoLlm: If no language model is configured.
            BudgetSpent: If the budget of the day or of the token is spent.
            LlmUnavailable: If no model returned an answer.
            PcWorkerError: What the search raises.
        """
        asker = asker or Asker()
        check_answer_request(request, asker)
        work = self._begin(request, asker)
        cached = await self._opened(work)
        if cached is not None:
            for event in _replayed(cached):
                yield event
            return
        done = False
        try:
            async with aclosing(self._made(work, stream=stream)) as events:
                async for event in events:
                    done = done or isinstance(event, AnswerDone)  # recorded already, even if the caller goes now
                    yield event
        except BaseException as exc:
            if not done:
                await asyncio.shield(self._failed(work, exc))
            raise

    async def _opened(self, work: AnswerWork) -> dict[str, Any] | None:
        opening = asyncio.ensure_future(
            self._run(lambda services: open_answer(services, work, self.models, self._limits))
        )
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError as exc:
            # Shielded: a caller that goes during the commit would leave a record that runs, with what it reserves.
            await asyncio.shield(self._left(work, opening, exc))
            raise

    async def _left(self, work: AnswerWork, opening: asyncio.Future[dict[str, Any] | None], exc: BaseException) -> None:
        with suppress(PcWorkerError):
            if await opening is None:
                await self._failed(work, exc)

    async def _failed(self, work: AnswerWork, exc: BaseException) -> None:
        with suppress(PcWorkerError):  # a database that is unavailable cannot record it
            await self._run(lambda services: fail_answer(services, work, exc))

    def _begin(self, request: AnswerRequest, asker: Asker) -> AnswerWork:
        prompt = newest_prompt("answer").label
        return AnswerWork(
            request=request,
            asker=asker,
            answer_id=uuid4(),
            started=monotonic(),
            candidates=self.models.candidates(request.model),
            attempts=Attempts(),
            evidence=Evidence(),
            question=request.question,
            prompt=prompt,
            expand=request.expand or self._limits.expand,
        )

    async def _made(self, work: AnswerWork, *, stream: bool) -> AsyncGenerator[AnswerEvent, None]:
        deadline = work.started + self._limits.timeout_s
        more: tuple[str, ...] = ()
        if work.asks_before_search:
            deadline += load_libraries()
            if work.request.history:
                work.question = await rewritten(self.models, work.candidates, work.attempts, work.request, deadline)
            more = await expand_question(
                self.models, work.candidates, work.attempts, work.question, work.expand, deadline
            )
        found = await self._search(work, more, deadline)
        yield PassagesFound(tuple(one.citation() for one in work.evidence.passages))
        writer = self._writer(work, deadline, stream=stream)
        text, flags, known = "", [], set[int]()
        if found:
            async with aclosing(writer.sentences()) as sentences:
                async for sentence in sentences:
                    text += sentence.text
                    yield AnswerDelta(sentence.text)
                    for citation in _new_citations(sentence, work.evidence, known):
                        yield CitationGiven(citation)
            flags = writer.draft.flags if writer.draft is not None else []
            work.no_answer = writer.draft is not None and writer.draft.refused
        answer = self._answer(work, text.rstrip(), flags, writer.model)
        await self._run(lambda services: end_answer(services, work, answer))
        if answer.refused:
            yield AnswerDelta(answer.answer)
        yield AnswerDone(answer)

    async def _search(self, work: AnswerWork, more: tuple[str, ...], deadline: float) -> bool:
        wanted = Wanted(
            question=work.question,
            domain=work.request.domain,
            k=work.request.k,
            where=work.request.where,
            tokens=self._limits.context_tokens,
            more=more,
        )
        left = max(0.1, deadline - monotonic())
        found = await self._search_run(
            lambda services: retrieve(services.database, wanted, encoder=services.encoder, timeout_s=left),
            within_s=left,
        )
        work.evidence.add(found)
        metrics.INSTRUCTIONS.labels(domain=work.request.domain).inc(work.evidence.instructions)
        return bool(found)

    def _writer(self, work: AnswerWork, deadline: float, *, stream: bool) -> AnswerWriter:
        toolbox = Toolbox(
            run=self._search_run, domain=work.request.domain, where=work.request.where, evidence=work.evidence
        )
        return AnswerWriter(
            models=self.models,
            candidates=work.candidates,
            attempts=work.attempts,
            evidence=work.evidence,
            question=work.question,
            toolbox=toolbox if self._limits.tools else None,
            stream=stream,
            deadline=deadline,
        )

    def _answer(self, work: AnswerWork, text: str, flags: list[Flag], model: LanguageModel | None) -> Answer:
        cited = dict.fromkeys(int(number) for number in CITATION.findall(text))
        numbered = [work.evidence.get(number) for number in sorted(cited)]
        usage = work.attempts.usage
        return Answer(
            id=str(work.answer_id),
            question=work.request.question,
            domain=work.request.domain,
            answer=text or nothing_found(work.request.question),
            citations=tuple(one.citation() for one in numbered if one is not None),
            refused=not text,
            model=None if model is None else model.label,
            prompt=work.prompt,
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            cost_usd=work.attempts.cost_usd,
            flags=tuple(flags),
            took_ms=milliseconds_since(work.started),
            attempts=tuple(one.to_dict() for one in work.attempts.made),
        )


def _replayed(document: dict[str, Any]) -> list[AnswerEvent]:
    answer = answer_of_document(document)
    citations = [CitationGiven(citation) for citation in answer.citations]
    return [PassagesFound(answer.citations), AnswerDelta(answer.answer), *citations, AnswerDone(answer)]


def _new_citations(sentence: CheckedSentence, evidence: Evidence, known: set[int]) -> list[Citation]:
    new = [evidence.get(number) for number in sentence.cited if number not in known]
    known |= set(sentence.cited)
    return [one.citation() for one in new if one is not None]
