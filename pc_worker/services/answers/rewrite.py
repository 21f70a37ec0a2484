"""Rewrite a follow-up question so that it can be understood, and searched for, without its conversation."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from time import monotonic

from pc_worker.llm import LlmFailure
from pc_worker.model.language_model import LanguageModel
from pc_worker.services.answers.evidence import Evidence
from pc_worker.services.answers.injection import without_instructions
from pc_worker.services.answers.models import Attempts, LlmModels
from pc_worker.services.answers.prompt_files import newest_prompt
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
    until = monotonic() + TIME_SHARE * (deadline - monotonic())
    for place, model in enumerate(candidates):
        if models.breaker.wait_s(model, now=monotonic()) > 0:
            continue
        within_s = (until - monotonic()) / (len(candidates) - place)
        try:
            text = await _ask(models, model, attempts, request, within_s)
        except LlmFailure:
            continue
        if text:
            return text
    return _joined(request)


async def _ask(
    models: LlmModels, model: LanguageModel, attempts: Attempts, request: AnswerRequest, within_s: float
) -> str:
    from pc_worker.llm.ask import Conversation, pump

    client = models.client(model)
    conversation = Conversation(
        instructions=newest_prompt("rewrite").text, prompt=_prompt(request), max_tokens=MAX_TOKENS
    )
    started, failure = monotonic(), None
    try:
        async with aclosing(pump(conversation, client, within_s=max(0.05, within_s))) as pieces:
            text = "".join([piece.text async for piece in pieces])
    except LlmFailure as exc:
        failure = exc
        raise
    finally:
        usage, seconds = conversation.usage, monotonic() - started
        attempts.made.append(models.attempted(model, "rewrite", usage, seconds, failure))
    return _one_question(text)


def _one_question(text: str) -> str:
    """Return the question if that is all that the model wrote, else nothing."""
    lines = [line.strip().strip('"“”') for line in text.strip().splitlines() if line.strip()]
    if len(lines) != 1 or len(lines[0]) > MAX_CHARS or without_instructions(lines[0])[1]:
        return ""
    return lines[0]


def _prompt(request: AnswerRequest) -> str:
    evidence = Evidence()
    turns = [f"{turn.role}: {turn.text[:TURN_CHARS]}" for turn in request.history[-TURNS:]]
    return f"{evidence.fenced('conversation', chr(10).join(turns))}\n\n{evidence.question(request.question)}"


def _joined(request: AnswerRequest) -> str:
    before = [turn.text for turn in request.history if turn.role == "user"][-1:]
    return " ".join([*(text[:MAX_CHARS] for text in before), request.question])
