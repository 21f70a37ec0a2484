"""Conversations whose caller goes before they end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from time import monotonic
from typing import Any

import pytest

from pc_worker.llm import LlmFailure, PriceTable
from pc_worker.llm.ask import ReplyPart
from pc_worker.services.answers.evidence import Evidence
from pc_worker.services.answers.models.configured import Attempts, LlmModels
from pc_worker.services.answers.models.side_call import SideCall, ask_model
from pc_worker.services.answers.write import AnswerWriter
from tests.unit.services.answers.test_llm_models import MODELS

MODEL = MODELS[0]


@pytest.fixture
def models() -> LlmModels:
    return LlmModels(MODELS, keys={"openai": "k", "anthropic": "k"}, prices=PriceTable(), timeout_s=5)


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Return what is set when a conversation has begun; its server never says anything."""
    event = asyncio.Event()

    async def hang(*_: object, **__: object) -> AsyncGenerator[ReplyPart, None]:
        event.set()
        await asyncio.Event().wait()
        yield ReplyPart("never")

    monkeypatch.setattr("pc_worker.llm.ask.pump", hang)
    return event


def timed_out(models: LlmModels, *, times: int) -> None:
    for _ in range(times):
        models.breaker.failed(MODEL, LlmFailure("timeout", "late"), now=monotonic())


async def leave(asking: asyncio.Task[Any], begun: asyncio.Event) -> None:
    await asyncio.wait_for(begun.wait(), 10)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking


async def test_a_side_call_that_is_left_is_no_success(models: LlmModels, begun: asyncio.Event) -> None:
    attempts = Attempts()
    call = SideCall(purpose="expand", instructions="expand_multi", prompt="?", max_tokens=1, read=str)
    timed_out(models, times=2)

    await leave(asyncio.create_task(ask_model(models, MODEL, attempts, call, within_s=60)), begun)

    timed_out(models, times=1)
    assert models.breaker.wait_s(MODEL, now=monotonic()) > 0
    assert [one.outcome for one in attempts.made] == ["left"]


async def test_an_answer_that_is_left_is_no_success(models: LlmModels, begun: asyncio.Event) -> None:
    writer = writer_of(models)
    timed_out(models, times=2)

    async def write() -> None:
        async for _ in writer.sentences():
            pass

    await leave(asyncio.create_task(write()), begun)

    timed_out(models, times=1)
    assert models.breaker.wait_s(MODEL, now=monotonic()) > 0
    assert [one.outcome for one in writer.attempts.made] == ["left"]


async def test_the_last_round_is_closed_with_its_reader(models: LlmModels, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[bool] = []

    async def again(self: AnswerWriter) -> AsyncGenerator[str, None]:
        try:
            yield "a sentence"
        finally:
            closed.append(True)

    monkeypatch.setattr(AnswerWriter, "_again", again)
    writer = writer_of(models)
    writer.candidates = ()
    sentences = writer.sentences()
    await anext(sentences)

    await sentences.aclose()

    assert closed == [True]


def writer_of(models: LlmModels) -> AnswerWriter:
    return AnswerWriter(
        models=models,
        candidates=MODELS[:1],
        attempts=Attempts(),
        evidence=Evidence(),
        question="?",
        toolbox=None,
        stream=True,
        deadline=monotonic() + 60,
    )
