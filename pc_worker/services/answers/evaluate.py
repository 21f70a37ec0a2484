"""Measure answers with questions whose relevant rows are known: citations, support, which questions are refused."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import fmean, median
from typing import Any

from pc_worker.errors import LlmUnavailable, SourceRejected
from pc_worker.file_faults import file_fault
from pc_worker.llm import LlmFailure
from pc_worker.model.language_model import Expansion
from pc_worker.services.answers.answer import Answers
from pc_worker.services.answers.checks.sentences import split_sentences
from pc_worker.services.answers.evidence import Evidence
from pc_worker.services.answers.injection.detection import without_instructions
from pc_worker.services.answers.models.configured import Attempts, LlmModels
from pc_worker.services.answers.models.side_call import SideCall, ask_model
from pc_worker.services.answers.request import Answer, AnswerRequest
from pc_worker.store.db.connection import Database
from pc_worker.store.rows.identities import row_ids_by_name

#: Flags of sentences that no cited passage supports.
UNSUPPORTED = frozenset(("unsupported", "number"))
JUDGE_S, JUDGE_TOKENS = 60.0, 200


@dataclass(frozen=True, slots=True)
class AnswerCase:
    """A question, the rows that answer it by key or UUID (none: to be refused), and texts that the answer must have."""

    question: str
    relevant: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerQuality:
    """The measures over all questions, shares 0..1; None where no question counts.

    Attributes:
        questions: How many were asked.
        failed: How many no model answered.
        citation_precision: Share of the citations that are of a relevant row, or of a passage that joins one.
        citation_recall: Mean share of the relevant rows that are cited, over answered questions.
        supported: Share of the sentences that a cited passage supports.
        refusals_right: Share of the questions that are refused or answered as they should be.
        refused_wrongly: Questions with relevant rows that are refused.
        answered_wrongly: Questions without relevant rows that are answered.
        facts: Share of the expected facts that the answers have.
        judged: Shares of a judge: of supported sentences, and of facts; None if it judged no answer.
        not_judged: Answers that no model judged.
        expand: How questions were expanded before the search.
        not_expanded: Questions that no model expanded, so only they were searched for.
        median_ms: Half of the answers took at most so long; those from the cache are left out.
        cost_usd: What all answers cost; None if a price is unknown.
    """

    questions: int
    failed: int
    citation_precision: float | None
    citation_recall: float | None
    supported: float | None
    refusals_right: float | None
    refused_wrongly: int
    answered_wrongly: int
    facts: float | None
    judged: dict[str, float] | None = None
    not_judged: int = 0
    expand: Expansion = "off"
    not_expanded: int = 0
    median_ms: float | None = None
    cost_usd: float | None = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return the document of `eval answers --json`."""
        return asdict(self)


@dataclass(slots=True)
class _Tally:
    cited: list[bool] = field(default_factory=list)
    recalls: list[float] = field(default_factory=list)
    sentences: list[bool] = field(default_factory=list)
    right: list[bool] = field(default_factory=list)
    facts: list[bool] = field(default_factory=list)
    judged: list[dict[str, float]] = field(default_factory=list)
    refused_wrongly: int = 0
    answered_wrongly: int = 0
    failed: int = 0
    not_judged: int = 0
    not_expanded: int = 0
    took_ms: list[float] = field(default_factory=list)
    costs: list[float | None] = field(default_factory=list)


def read_cases(path: Path) -> list[AnswerCase]:
    """Read JSON Lines ``{"question": "…", "relevant": ["key", …], "facts": ["…"]}``.

    Raises:
        SourceRejected: If the file cannot be read, or a line is wrong.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as exc:
        raise SourceRejected(f"{path}: cannot be read: {file_fault(exc)}") from exc
    found = [_case(path, number, line) for number, line in enumerate(lines, start=1) if line.strip()]
    if not found:
        raise SourceRejected(f"{path}: holds no question")
    return found


def _case(path: Path, number: int, line: str) -> AnswerCase:
    try:
        value = json.loads(line)
        relevant, facts = value.get("relevant") or (), value.get("facts") or ()
        if not isinstance(value["question"], str) or not value["question"].strip():
            raise ValueError("no question")
        return AnswerCase(value["question"], tuple(map(str, relevant)), tuple(map(str, facts)))
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise SourceRejected(f'{path} line {number}: is not {{"question": …, "relevant": […]}}') from exc


async def evaluate_answers(
    answers: Answers,
    database: Database,
    domain: str,
    cases: Sequence[AnswerCase],
    *,
    judge: bool = False,
    expand: Expansion = "off",
) -> AnswerQuality:
    """Ask every question and compare the answers with what is expected.

    Raises:
        PcWorkerError: What the answers raise, except that no model answered one question.
    """
    with database.transaction() as cursor:
        names = sorted({name for case in cases for name in case.relevant})
        ids = row_ids_by_name(cursor, domain, names)
    tally = _Tally()
    for case in cases:
        relevant = {row_id for name in case.relevant for row_id in ids.get(name, ())}
        try:
            answer = await answers.answer(AnswerRequest(question=case.question, domain=domain, expand=expand))
        except LlmUnavailable:
            tally.failed += 1
            continue
        _add(tally, case, answer, relevant)
        if judge and not answer.refused:
            judged = await _judged(answers.models, case, answer)
            tally.not_judged += judged is None
            tally.judged += [] if judged is None else [judged]
    return _quality(tally, len(cases), expand)


def _add(tally: _Tally, case: AnswerCase, answer: Answer, relevant: set[str]) -> None:
    tally.not_expanded += any(one["purpose"] == "expand" and one["outcome"] != "ok" for one in answer.attempts)
    tally.took_ms += [] if answer.cached else [answer.took_ms]
    tally.costs.append(answer.cost_usd)
    tally.right.append(answer.refused != bool(case.relevant))
    tally.refused_wrongly += answer.refused and bool(case.relevant)
    tally.answered_wrongly += not answer.refused and not case.relevant
    tally.facts += [fact.casefold() in answer.answer.casefold() for fact in case.facts]
    if answer.refused:
        return
    cited = {frozenset(citation.row_ids) for citation in answer.citations}
    tally.cited += [not rows.isdisjoint(relevant) for rows in cited]
    if relevant:
        tally.recalls.append(len(relevant & frozenset().union(*cited)) / len(relevant))
    wrong = len({flag.sentence for flag in answer.flags if flag.kind in UNSUPPORTED})
    sentences = max(len(split_sentences(answer.answer)), wrong)
    tally.sentences += [True] * (sentences - wrong) + [False] * wrong


def _quality(tally: _Tally, questions: int, expand: Expansion) -> AnswerQuality:
    judged = None
    if tally.judged:
        judged = {name: round(fmean(one[name] for one in tally.judged), 4) for name in ("supported", "facts")}
    return AnswerQuality(
        questions=questions,
        failed=tally.failed,
        citation_precision=_share(tally.cited),
        citation_recall=_share(tally.recalls),
        supported=_share(tally.sentences),
        refusals_right=_share(tally.right),
        refused_wrongly=tally.refused_wrongly,
        answered_wrongly=tally.answered_wrongly,
        facts=_share(tally.facts),
        judged=judged,
        not_judged=tally.not_judged,
        expand=expand,
        not_expanded=tally.not_expanded,
        median_ms=round(median(tally.took_ms), 1) if tally.took_ms else None,
        cost_usd=None if None in tally.costs else sum(cost for cost in tally.costs if cost is not None),
    )


def _share(values: Sequence[float]) -> float | None:
    return round(fmean(values), 4) if values else None


async def _judged(models: LlmModels, case: AnswerCase, answer: Answer) -> dict[str, float] | None:
    """Return the judgement of the first model that writes a valid one; None if none does."""
    evidence = Evidence()
    passages = "\n".join(
        f"({citation.number}) {without_instructions(citation.text)[0]}" for citation in answer.citations
    )
    parts = {"question": case.question, "answer": answer.answer, "facts": "\n".join(case.facts), "passages": passages}
    call = SideCall(
        purpose="judge",
        instructions="judge",
        prompt="\n\n".join(evidence.fenced(name, text) for name, text in parts.items()),
        max_tokens=JUDGE_TOKENS,
        read=_shares,
    )
    for model in models.candidates():
        with suppress(LlmFailure):
            return await ask_model(models, model, Attempts(), call, within_s=JUDGE_S)
    return None


def _shares(text: str) -> dict[str, float]:
    value = json.loads(text[text.index("{") : text.rindex("}") + 1])
    return {name: min(1.0, max(0.0, float(value[name]))) for name in ("supported", "facts")}
