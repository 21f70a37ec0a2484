"""Which models are asked, what is missing, and what an attempt costs."""

from __future__ import annotations

import importlib.util

import pytest

from pc_worker.errors import InvalidRequest, NoLlm
from pc_worker.llm import LlmFailure, PriceTable, Usage
from pc_worker.model.language_model import LanguageModel, LlmPrice
from pc_worker.services.answers.models.configured import LlmModels

MODELS = (LanguageModel("openai", "a", "http://localhost:1/v1"), LanguageModel("anthropic", "b"))


def models(listed: tuple[LanguageModel, ...] = MODELS) -> LlmModels:
    return LlmModels(listed, keys={}, prices=PriceTable([LlmPrice("a", 1.0, 2.0)]), timeout_s=5)


def test_models_are_chosen_by_name_or_label() -> None:
    assert models().candidates() == MODELS
    assert models().candidates("a") == models().candidates("openai:a") == MODELS[:1]
    with pytest.raises(InvalidRequest, match="there are openai:a, anthropic:b"):
        models().candidates("http://evil/v1")


def test_without_models_or_without_the_extra_answers_are_off(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NoLlm, match="PC_WORKER_LLM"):
        models(()).candidates()

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(NoLlm, match=r"pc-worker\[llm\]"):
        models().candidates()


def test_costs_are_those_of_the_table_and_a_failure_is_an_attempt() -> None:
    known, unknown = MODELS
    made = models().attempted(known, "answer", Usage(1_000_000, 500_000), 1.0, None)
    failed = models().attempted(unknown, "answer", Usage(10, 1), 1.0, LlmFailure("timeout", "late"))

    assert (made.cost_usd, made.outcome) == (2.0, "ok")
    assert (failed.cost_usd, failed.outcome, failed.detail) == (None, "timeout", "late")
