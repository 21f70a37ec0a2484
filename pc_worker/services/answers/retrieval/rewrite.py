"""Rewrite a follow-up question so that it can be understood, and searched for, without its conversation."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from time import monotonic

from pc_worker.llm import LlmFailure
from pc_worker.model.language_model import LanguageModel
from pc_worker.services.answers.evidence import Evidence
from pc_worker.services.answers.injection.detection import without_instructions
from pc_worker.services.answers.models.configured import Attempts, LlmModels
from pc_worker.services.answers.models.side_call import SideCall, ask_model
from pc_worker.services.answers.request import AnswerRequest

#: The last turns that are shown, and characters of each.
TURNS, TURN_CHARS = 8, 1_500
MAX_TOKENS = 300
MAX_CHARS = 1_000
#: Share of the time that rewriting may take.
TIME_SHARE = 0.3


async def rewritten(
    models: LlmModels,
    candidates: Sequence[LanguageModel],
    attempts: Attempts,
    request: AnswerRequest,
    deadline: float,
) -> str:
    """Return the question as it is asked alone; if no model rewrites it, with the question before it."""
    call = SideCall(
        purpose="rewrite",
        instructions="rewrite",
        prompt=_prompt(request),
        max_tokens=MAX_TOKENS,
        read=_one_question,
        whole=True,
    )
    until = monotonic() + TIME_SHARE * (deadline - monotonic())
    for place, model in enumerate(candidates):
        if models.breaker.wait_s(model, now=monotonic()) > 0:
            continue
        within_s = (until - monotonic()) / (len(candidates) - place)
        with suppress(LlmFailure):
            return await ask_model(models, model, attempts, call, within_s=within_s)
    return _joined(request)


def _one_question(text: str) -> str:
    """Return the question.

    Raises:
        ValueError: If that is not all that the model wrote.
    """
    lines = [line.strip().strip('"“”') for line in text.strip().splitlines() if line.strip()]
    if len(lines) != 1 or not lines[0] or len(lines[0]) > MAX_CHARS or without_instructions(lines[0])[1]:
        raise ValueError("it is not one question")
    return lines[0]


def _prompt(request: AnswerRequest) -> str:
    evidence = Evidence()
    turns = [f"{turn.role}: {turn.text[:TURN_CHARS]}" for turn in request.history[-TURNS:]]
    return f"{evidence.fenced('conversation', chr(10).join(turns))}\n\n{evidence.question(request.question)}"


def _joined(request: AnswerRequest) -> str:
    before = [turn.text for turn in request.history if turn.role == "user"][-1:]
    return " ".join([*(text[:MAX_CHARS] for text in before), request.question])
