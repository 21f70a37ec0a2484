"""The requests of other products' clients: many write null for what their caller left out."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from pc_worker.http.shapes.chat import (
    ChatMessage,
    ChatRequest,
    StreamOptions,
    TextPart,
    completion,
    last_chunks,
    url_citations,
)
from pc_worker.http.shapes.dify import (
    MetadataComparison,
    MetadataCondition,
    RetrievalRequest,
    RetrievalSetting,
    where_of,
)
from pc_worker.http.shapes.openai import EmbeddingsRequest, RankingOptions, VectorStoreQuery
from pc_worker.services.answers.request import Answer, Citation, Flag, FlagKind

REQUESTS: list[tuple[type[BaseModel], dict[str, Any]]] = [
    (EmbeddingsRequest, {"model": "m", "input": "a"}),
    (VectorStoreQuery, {"query": "a"}),
    (RankingOptions, {}),
    (ChatRequest, {"model": "m", "messages": [{"role": "user", "content": "a"}]}),
    (ChatMessage, {"role": "assistant"}),
    (TextPart, {"type": "image_url"}),
    (StreamOptions, {}),
    (RetrievalSetting, {"top_k": 1}),
    (RetrievalRequest, {"knowledge_id": "d", "query": "a", "retrieval_setting": {"top_k": 1}}),
    (MetadataCondition, {}),
    (MetadataComparison, {"name": "a", "comparison_operator": "empty"}),
]
OPTIONAL = [
    pytest.param(model, given, name, id=f"{model.__name__}.{name}")
    for model, given in REQUESTS
    for name, field in model.model_fields.items()
    if not field.is_required()
]


@pytest.mark.parametrize(("model", "given", "name"), OPTIONAL)
def test_null_is_as_left_out(model: type[BaseModel], given: dict[str, Any], name: str) -> None:
    with_null, without = model.model_validate(given | {name: None}), model.model_validate(given)

    read = [key for key, value in vars(model).items() if isinstance(value, property)]
    assert [getattr(with_null, key) for key in read] == [getattr(without, key) for key in read]


@pytest.mark.parametrize(("kinds", "reason"), [((), "stop"), (("name",), "stop"), (("name", "truncated"), "length")])
def test_a_completion_says_why_it_ended(kinds: tuple[FlagKind, ...], reason: str) -> None:
    flags = tuple(Flag(kind, "") for kind in kinds)
    answer = Answer(id="a", question="q", domain="d", answer="t", prompt="p", flags=flags)

    whole = completion(answer, model="pcw/d", created=0, base_url="")
    *_, last = last_chunks(answer, "pcw/d", 0, base_url="", usage=False)

    assert (whole["choices"][0]["finish_reason"], last["choices"][0]["finish_reason"]) == (reason, reason)


def test_a_number_in_brackets_that_is_no_citation_has_no_annotation() -> None:
    citation = Citation(number=1, id="r", domain="d", text="t", start=0, end=1, payload={})
    text = f"so [1], so [77], so [{'9' * 5_000}]"
    answer = Answer(id="a", question="q", domain="d", answer=text, prompt="p", citations=(citation,))

    (found,) = url_citations(answer, base_url="")

    assert found["url_citation"]["start_index"] == 3


def test_a_condition_of_nulls_is_none() -> None:
    assert where_of(MetadataCondition(logical_operator=None, conditions=None)) is None
