"""A search over gRPC becomes the request that JSON would carry."""

from __future__ import annotations

from typing import Any

import pytest

from pc_worker.errors import TooLarge
from pc_worker.gateway.calls.search import request_values, response_message
from pc_worker.services.search.request import SearchRequest
from pc_worker.wire.generated import embedding_stream_pb2 as pb

Condition = pb.SearchCondition


def group(name: str, *parts: pb.SearchFilter) -> pb.SearchFilter:
    return pb.SearchFilter(**{name: pb.SearchFilters(filters=parts)})  # type: ignore[arg-type]  # `and` is a keyword


def test_what_an_old_client_leaves_out_has_its_default() -> None:
    asked = request_values(pb.SearchRequest(query="q", domain="law"))

    assert SearchRequest.model_validate(asked) == SearchRequest(query="q", domain="law")


def test_every_field_arrives() -> None:
    message = pb.SearchRequest(query="q", domain="law", k=3, mode="text", offset=7, min_score=0.0, feedback=False)
    message.MergeFrom(pb.SearchRequest(rerank=True, explain=True, weights=pb.SearchWeights(vector=0.0)))

    asked = request_values(message)

    assert asked == {
        **{"query": "q", "domain": "law", "k": 3, "mode": "text", "offset": 7, "min_score": 0.0},
        **{"feedback": False, "rerank": True, "explain": True, "weights": {"vector": 0.0}},
    }


@pytest.mark.parametrize(
    ("filter", "where"),
    [
        (pb.SearchFilter(text="n>=5"), "n>=5"),
        (
            pb.SearchFilter(condition=Condition(field="n", op="=", values=["5.0"])),
            {"field": "n", "op": "=", "value": "5.0"},
        ),
        (pb.SearchFilter(condition=Condition(field="n", op="!=")), {"field": "n", "op": "!=", "value": None}),
        (
            pb.SearchFilter(condition=Condition(field="n", op="in", values=["a"])),
            {"field": "n", "op": "in", "value": ["a"]},
        ),
        (
            group("or", pb.SearchFilter(text="a=1"), group("and", pb.SearchFilter(text="b=2"))),
            {"or": ["a=1", {"and": ["b=2"]}]},
        ),
        (pb.SearchFilter(**{"not": pb.SearchFilter(text="a=1")}), {"not": ["a=1"]}),  # type: ignore[arg-type]
    ],
)
def test_a_filter_is_the_tree_of_the_json(filter: pb.SearchFilter, where: Any) -> None:
    both = pb.SearchRequest(query="q", domain="law", where=["x=1"], filter=filter)

    assert request_values(both)["where"] == ["x=1", where]
    SearchRequest.model_validate(request_values(both))


def found(hits: int, payload_bytes: int) -> dict[str, Any]:
    hit = {"id": "a", "score": 1.0, "vector_score": None, "text_score": 1.0, "passage": None}
    payload = {"text": "x" * payload_bytes}
    return {"query": "q", "domain": "law", "mode": "text", "took_ms": 1.0, "hits": [hit | {"payload": payload}] * hits}


def test_an_answer_that_a_client_could_not_receive_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(TooLarge, match=r"100 hits .* smaller k"):
        response_message(found(100, 50_000))

    assert 4_000_000 < len(response_message(found(80, 50_000))) <= 4 * 1024 * 1024
