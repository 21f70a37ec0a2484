"""Expand a question before its search: further queries in other words, or a passage as the answer may be written.

Off unless it is requested: it is one more call of a model before the first word of an answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from time import monotonic

from pc_worker.llm import LlmFailure
from pc_worker.model.language_model import Expansion, LanguageModel
from pc_worker.services.answers.evidence import Evidence
from pc_worker.services.answers.injection.detection import without_instructions
from pc_worker.services.answers.models.configured import Attempt, Attempts, LlmModels
from pc_worker.services.answers.models.side_call import SideCall, ask_model

MAX_TOKENS = 300
#: Further queries, and characters of one.
MOST, MAX_CHARS = 3, 1_200
#: Share of the remaining time that expanding may take.
TIME_SHARE = 0.2
#: Reasons for which a model was not asked at all.
NOT_ASKED = frozenset(("not_configured", "price_unknown"))
LIST_MARK = re.compile(r"^(?:[-*•]|\(?\d{1,2}[.):])\s*")


async def expand_question(
    models: LlmModels,
    candidates: Sequence[LanguageModel],
    attempts: Attempts,
    question: str,
    kind: Expansion,
    deadline: float,
) -> tuple[str, ...]:
    """Return further texts to search for; none if the model does not write them, which ``attempts`` then says."""
    if kind == "off":
        return ()
    call = SideCall(
        purpose="expand",
        instructions=prompt_name(kind),
        prompt=Evidence().question(question),
        max_tokens=MAX_TOKENS,
        read=lambda text: _queries(text, question) if kind == "multi" else _passage(text),
    )
    within_s = TIME_SHARE * (deadline - monotonic())
    for model in candidates:
        if models.breaker.wait_s(model, now=monotonic()) > 0:
            continue
        try:
            return await ask_model(models, model, attempts, call, within_s=within_s)
        except LlmFailure as failure:
            if failure.reason not in NOT_ASKED:
                return ()  # one call, not one of each model: the answer needs the time
    if not any(one.purpose == call.purpose for one in attempts.made):
        attempts.made.append(Attempt(model=candidates[0].label, purpose=call.purpose, outcome="breaker_open"))
    return ()


async def expanded_each(
    models: LlmModels, questions: Iterable[str], kind: Expansion, *, within_s: float
) -> dict[str, tuple[str, ...]]:
    """Return further texts of each question that a model expanded; for an evaluation of search.

    Raises:
        NoLlm: If no model is configured.
    """
    candidates, found = models.candidates(), dict[str, tuple[str, ...]]()
    for question in dict.fromkeys(questions):
        deadline = monotonic() + within_s / TIME_SHARE
        texts = await expand_question(models, candidates, Attempts(), question, kind, deadline)
        if texts:
            found[question] = texts
    return found


def prompt_name(kind: Expansion) -> str:
    """Return the name of the prompt of an expansion."""
    return f"expand_{kind}"


def _queries(text: str, question: str) -> tuple[str, ...]:
    """Return the queries of a reply, one a line, without those that are too long, instruct, or repeat the question."""
    lines = (LIST_MARK.sub("", line.strip()).strip().strip('"“”') for line in text.splitlines())
    found = {_plain(line): line for line in lines if _usable(line)}
    found.pop(_plain(question), None)
    if not found:
        raise ValueError("no query")
    return tuple(found.values())[:MOST]


def _passage(text: str) -> tuple[str, ...]:
    passage = " ".join(text.split())
    if not _usable(passage):
        raise ValueError("no passage")
    return (passage,)


def _usable(text: str) -> bool:
    return 0 < len(text) <= MAX_CHARS and any(map(str.isalnum, text)) and not without_instructions(text)[1]


def _plain(text: str) -> str:
    return " ".join(text.casefold().split()).rstrip("?？.。! ")
