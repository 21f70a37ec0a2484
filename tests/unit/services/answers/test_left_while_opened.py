"""A caller that goes while the record of its answer is opened."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from pc_worker.services.answers import answer as answers
from pc_worker.services.answers.answer import Answers
from pc_worker.services.answers.request import AnswerRequest
from pc_worker.services.answers.work import AnswerLimits
from tests.unit.services.answers.test_llm_models import models


@pytest.mark.parametrize(("cached", "ended"), [(None, ["failed"]), ({"id": "of another answer"}, [])])
async def test_a_record_that_is_opened_while_its_caller_goes_is_ended(
    monkeypatch: pytest.MonkeyPatch, cached: dict[str, Any] | None, ended: list[str]
) -> None:
    begun, commits, found = asyncio.Event(), asyncio.Event(), list[str]()
    monkeypatch.setattr(answers, "open_answer", lambda *_: cached)
    monkeypatch.setattr(answers, "fail_answer", lambda *_: found.append("failed"))

    async def run(work: Callable[[Any], Any], *, within_s: float | None = None) -> Any:
        begun.set()
        await commits.wait()
        return work(None)

    made = Answers(models(), run=run, limits=AnswerLimits())
    first = asyncio.create_task(anext(made.events(AnswerRequest(question="why", domain="document"))))
    await asyncio.wait_for(begun.wait(), 10)

    first.cancel()
    commits.set()
    with pytest.raises(asyncio.CancelledError):
        await first

    assert found == ended
