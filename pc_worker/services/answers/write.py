"""Have one answer written: model after model, each with one correction, within one deadline."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from time import monotonic

from pc_worker.errors import LlmUnavailable
from pc_worker.llm import LlmFailure
from pc_worker.llm.failures import left_early
from pc_worker.model.language_model import LanguageModel
from pc_worker.services.answers.checks.check import CheckedSentence, Checker
from pc_worker.services.answers.checks.draft import Draft, problems
from pc_worker.services.answers.evidence import Evidence
from pc_worker.services.answers.models.configured import USUAL_WAIT_S, Attempt, Attempts, LlmModels, load_libraries
from pc_worker.services.answers.models.prompt_files import newest_prompt
from pc_worker.services.answers.tools import MAX_CALLS, TOOL_S, Toolbox

#: Maximum tokens of one reply.
MAX_TOKENS = 1_500
#: A correction is asked for only if this share of the time is left.
TIME_FOR_CORRECTION = 0.3
#: A server is waited for only if this share of the remaining time is left after that.
TIME_AFTER_WAIT = 0.2


@dataclass(slots=True, kw_only=True)
class AnswerWriter:
    """Writes one answer.

    Attributes:
        models: The process's models.
        candidates: Those to ask, in order.
        attempts: Gets every conversation.
        evidence: The numbered passages.
        question: The question as it is asked.
        toolbox: The tools, None without.
        stream: Pass text on as soon as it is checked.
        deadline: When it must be done, on the monotonic clock.
        draft: The answer; None if no model wrote one that a passage supports.
        model: The model that wrote it, or the last one whose text no passage supports.
    """

    models: LlmModels
    candidates: Sequence[LanguageModel]
    attempts: Attempts
    evidence: Evidence
    question: str
    toolbox: Toolbox | None
    stream: bool
    deadline: float
    draft: Draft | None = None
    model: LanguageModel | None = None
    _failures: dict[LanguageModel, LlmFailure] = field(default_factory=dict)

    async def sentences(self) -> AsyncGenerator[CheckedSentence, None]:
        """Yield the sentences of the answer; none if the passages do not answer the question.

        Raises:
            LlmUnavailable: If no model returned an answer, or one broke off in the middle of it.
        """
        self.deadline += load_libraries()
        for left, model in self._order():
            async with aclosing(self._with_model(model, left)) as passed:
                async for sentence in passed:
                    yield sentence
            if self.draft is not None:
                return
        async with aclosing(self._again()) as passed:  # closed with this: else its attempt is noted after the record
            async for sentence in passed:
                yield sentence

    def _order(self) -> list[tuple[int, LanguageModel]]:
        count = len(self.candidates)
        return [(count - place, model) for place, model in enumerate(self.candidates)]

    async def _again(self) -> AsyncGenerator[CheckedSentence, None]:
        """Ask rate-limited servers again, when they allow it and there is time."""
        while (waiting := self._waiting()) is not None:
            wait_s, model = waiting
            await asyncio.sleep(wait_s)
            del self._failures[model]
            async with aclosing(self._with_model(model, 1)) as passed:
                async for sentence in passed:
                    yield sentence
            self._failures.pop(model, None)
            if self.draft is not None:
                return
        if any(one.outcome == "unsupported" for one in self.attempts.made):
            return
        waits = [self.models.breaker.wait_s(model, now=monotonic()) for model in self.candidates]
        raise LlmUnavailable(f"no language model gave an answer: {self.attempts.reasons()}", max(1.0, min(waits)))

    def _waiting(self) -> tuple[float, LanguageModel] | None:
        """Return the model that can be asked again first, and in how many seconds; None if there is no time."""
        found = []
        for model, failure in self._failures.items():
            if failure.reason in ("rate_limited", "breaker_open"):
                wait_s = self.models.breaker.wait_s(model, now=monotonic())
                found.append((max(wait_s, failure.retry_after_s or USUAL_WAIT_S), model))
        first = min(found, key=lambda pair: pair[0], default=None)
        left = self.deadline - monotonic()
        return None if first is None or first[0] > left * (1 - TIME_AFTER_WAIT) else first

    async def _with_model(self, model: LanguageModel, left: int) -> AsyncGenerator[CheckedSentence, None]:
        """Yield what one model writes; ``draft`` is set if that is the answer."""
        wait_s = self.models.breaker.wait_s(model, now=monotonic())
        if wait_s > 0:
            self._failed(model, LlmFailure("breaker_open", f"left alone for {wait_s:.0f} s after failures", wait_s))
            return
        within_s = max(0.05, (self.deadline - monotonic()) / left)
        until = monotonic() + within_s
        first, sent = Draft(Checker(self.evidence, self.question)), False
        try:
            async with aclosing(self._converse(model, first, self._prompt(), until, "answer")) as passed:
                async for sentence in passed:
                    sent = True
                    yield sentence
            final = first
            if not sent and first.correctable() and until - monotonic() > TIME_FOR_CORRECTION * within_s:
                final = await self._corrected(model, first, until)
            if not final.refused and not final.supported:
                raise LlmFailure("unsupported", "no sentence is supported by a passage that it cites")
        except LlmFailure as failure:
            if sent:
                raise LlmUnavailable(f"the answer broke off: {model.label}: {failure}") from failure
            self._failed(model, failure)
            if failure.reason == "unsupported":
                self.model = model
            return
        self.draft, self.model = final, model
        if not sent:
            for sentence in final.passed:
                yield sentence

    def _failed(self, model: LanguageModel, failure: LlmFailure) -> None:
        self._failures[model] = failure
        if failure.reason in ("breaker_open", "unsupported", "not_configured", "price_unknown"):
            # The conversation itself, if there was one, is recorded already.
            self.attempts.made.append(
                Attempt(model=model.label, purpose="answer", outcome=failure.reason, detail=failure.detail)
            )

    async def _corrected(self, model: LanguageModel, first: Draft, until: float) -> Draft:
        second = Draft(Checker(self.evidence, self.question))
        prompt = "\n\n".join(
            [
                self._prompt(),
                self.evidence.fenced("draft", "".join(one.text for one in first.sentences)),
                self.evidence.fenced("problems", problems(first)),
                newest_prompt("correct").text.strip(),
            ]
        )
        try:
            async with aclosing(self._converse(model, second, prompt, until, "correct", hold=True)) as passed:
                async for _ in passed:
                    pass
        except LlmFailure:
            return first
        return second if second.refused or second.better_than(first) else first

    async def _converse(
        self, model: LanguageModel, draft: Draft, prompt: str, until: float, purpose: str, *, hold: bool = False
    ) -> AsyncGenerator[CheckedSentence, None]:
        from pc_worker.llm.ask import Conversation, pump

        client = self.models.client(model)
        conversation = Conversation(
            instructions=newest_prompt("answer").text,
            prompt=prompt,
            tools=self.toolbox.functions() if self.toolbox is not None else (),
            max_tokens=MAX_TOKENS,
            tool_calls=MAX_CALLS + 2,  # further calls return a note; then the conversation ends
            tool_s=TOOL_S,
            stream=self.stream and not hold,
        )
        started, failure = monotonic(), None
        try:
            async with aclosing(pump(conversation, client, within_s=max(0.05, until - monotonic()))) as pieces:
                async for piece in pieces:
                    if piece.kind == "restart":
                        draft.restart()
                    for sentence in draft.feed(piece.text):
                        if conversation.stream:
                            yield sentence
            for sentence in draft.finish(cut=conversation.cut):
                if conversation.stream:
                    yield sentence
        except LlmFailure as exc:
            failure = exc
            raise
        except BaseException:  # no success: that would close the circuit of a server that hangs
            failure = left_early()
            raise
        finally:
            usage, seconds = conversation.usage, monotonic() - started
            self.attempts.made.append(self.models.attempted(model, purpose, usage, seconds, failure))

    def _prompt(self) -> str:
        return f"{self.evidence.shown(self.evidence.passages)}\n\n{self.evidence.question(self.question)}"
