"""The record of an answer: begun within the budget or served from the cache, ended, or failed."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from time import monotonic
from typing import Any
from uuid import UUID

from pc_worker.errors import BudgetSpent, PcWorkerError
from pc_worker.llm import Usage
from pc_worker.metrics import answers as metrics
from pc_worker.model.filter import Filter
from pc_worker.services.answers.models.configured import LlmModels
from pc_worker.services.answers.models.prompt_files import newest_prompt
from pc_worker.services.answers.recorded import answer_of_document, cached_document
from pc_worker.services.answers.request import Answer
from pc_worker.services.answers.retrieval.expand import MAX_TOKENS as SIDE_TOKENS
from pc_worker.services.answers.retrieval.expand import prompt_name
from pc_worker.services.answers.work import AnswerLimits, AnswerWork
from pc_worker.services.answers.write import MAX_TOKENS
from pc_worker.services.dependencies import Services
from pc_worker.store.answers import record
from pc_worker.store.answers.record import Budget, EndedAnswer, NewAnswer

#: Tokens of a prompt without its passages, for the estimate of what an answer may cost.
PROMPT_TOKENS = 1_500


def open_answer(services: Services, work: AnswerWork, models: LlmModels, limits: AnswerLimits) -> dict[str, Any] | None:
    """Return the cached document of the same answer, recorded as this one; else begin the record of this one.

    Raises:
        BudgetSpent: If the budget of the day or of the token is spent.
    """
    request = work.request
    with services.database.transaction() as cursor:
        state = record.log_state(cursor, request.domain)
        key = _cache_key(work, state, limits)
        found = record.cached_answer(cursor, key, within_s=limits.retention_s)
        new = NewAnswer(
            answer_id=work.answer_id,
            token=work.asker.token,
            domain=request.domain,
            cache_key=key,
            question=request.question,
            request={
                "k": request.k,
                "where": _plain(request.where),
                "model": request.model,
                "expand": work.expand,
            },
            prompt=work.prompt,
            reserved_usd=0.0 if found is not None else models.reserve_usd(work.candidates, _reserved(work, limits)),
        )
        overrun = record.begin_answer(cursor, new, Budget() if found is not None else limits.budget)
        if found is not None:
            document = cached_document(found, work.answer_id, milliseconds_since(work.started))
            record.end_answer(cursor, _cached_end(document, work.answer_id))
            metrics.ANSWERS.labels(domain=request.domain, outcome="cached").inc()
            return document
        if work.asks_before_search:
            work.has_rows = record.has_rows(cursor, request.domain)
    if overrun is not None:
        raise BudgetSpent(
            f"the budget of answers of {'this token' if overrun == 'token' else 'the day'} is spent: "
            "it is renewed at midnight UTC",
            _until_midnight_s(),
        )
    return None


def end_answer(services: Services, work: AnswerWork, answer: Answer) -> None:
    """Record an answer, and count it."""
    ended = EndedAnswer(
        answer_id=work.answer_id,
        state="refused" if answer.refused else "answered",
        model=answer.model,
        attempts=answer.attempts,
        input_tokens=answer.input_tokens,
        output_tokens=answer.output_tokens,
        cost_usd=answer.cost_usd,
        took_ms=answer.took_ms,
        document=answer.to_dict(),
        row_ids=sorted({row_id for citation in answer.citations for row_id in citation.row_ids}),
        reusable=work.attempts.as_asked and not answer.truncated and (not answer.refused or work.no_answer),
    )
    with services.database.transaction() as cursor:
        record.end_answer(cursor, ended)
    _count(answer)


def fail_answer(services: Services, work: AnswerWork, exc: BaseException) -> None:
    """Record that an answer failed, or that its caller has gone; one that is recorded already stays as it is."""
    usage = work.attempts.usage
    ended = EndedAnswer(
        answer_id=work.answer_id,
        state="failed",
        attempts=tuple(one.to_dict() for one in work.attempts.made),
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cost_usd=work.attempts.cost_usd,
        took_ms=milliseconds_since(work.started),
        error=str(exc) if isinstance(exc, PcWorkerError) else "the caller has gone, or an internal error",
    )
    has_failed = True  # also if the database is unavailable
    try:
        with services.database.transaction() as cursor:
            has_failed = record.end_answer(cursor, ended)
    finally:
        if has_failed:
            metrics.ANSWERS.labels(domain=work.request.domain, outcome="failed").inc()


def _cached_end(document: dict[str, Any], answer_id: UUID) -> EndedAnswer:
    return EndedAnswer(
        answer_id=answer_id,
        state="refused" if document["refused"] else "answered",
        model=document["model"],
        took_ms=document["took_ms"],
        document=document,
        row_ids=sorted({row for one in answer_of_document(document).citations for row in one.row_ids}),
        cached=True,
    )


def _cache_key(work: AnswerWork, state: tuple[int, str], limits: AnswerLimits) -> bytes:
    """Return what an equal answer has in common: never across domains or tokens, and not after a new row."""
    request, asker = work.request, work.asker
    parts = [
        request.question.strip(),
        request.domain,
        request.k,
        _plain(request.where),
        [(turn.role, turn.text) for turn in request.history],
        [(model.label, model.base_url) for model in work.candidates],
        _prompts(work),
        list(state),
        asker.token,
        None if asker.domains is None else sorted(asker.domains),
        [limits.context_tokens, limits.tools],
    ]
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode("utf-8", "surrogatepass")).digest()


def _prompts(work: AnswerWork) -> list[str]:
    """Return the versions of all prompts that the answer may rest on."""
    names = ["correct", *(["rewrite"] if work.request.history else ())]
    names += [] if work.expand == "off" else [prompt_name(work.expand)]
    return [work.prompt, *(newest_prompt(name).label for name in names)]


def _reserved(work: AnswerWork, limits: AnswerLimits) -> Usage:
    """Return what an answer uses at most, roughly: its prompt, and the conversations before the search."""
    before = bool(work.request.history) + (work.expand != "off")
    tokens = limits.context_tokens + PROMPT_TOKENS * (1 + before)
    return Usage(tokens, MAX_TOKENS + SIDE_TOKENS * before)


def _plain(where: Filter | None) -> str | None:
    return None if where is None else repr(where)


def _count(answer: Answer) -> None:
    outcome = "refused" if answer.refused else "answered"
    metrics.ANSWERS.labels(domain=answer.domain, outcome=outcome).inc()
    metrics.ANSWER_SECONDS.labels(domain=answer.domain).observe(answer.took_ms / 1000)
    metrics.ANSWER_COST.labels(domain=answer.domain).inc(answer.cost_usd or 0.0)
    for flag in answer.flags:
        metrics.FLAGS.labels(domain=answer.domain, kind=flag.kind).inc()


def milliseconds_since(started: float) -> float:
    """Return the milliseconds since a time of the monotonic clock."""
    return round((monotonic() - started) * 1000, 3)


def _until_midnight_s() -> float:
    now = datetime.now(UTC)
    return 86_400 - (now - now.replace(hour=0, minute=0, second=0, microsecond=0)).total_seconds()
