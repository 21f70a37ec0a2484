"""Searches: the same request through each face has the same hits, or the same sentence of a rejection."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.acceptance.faces.conftest import DOMAIN, MINE, agreed, assert_refused, cases, searched
from tests.support.faces import Faces

ACCEPTED: list[dict[str, Any]] = [
    {"query": "whale captain"},
    *({"query": "whale captain", "mode": mode, "explain": True} for mode in ("hybrid", "vector", "text")),
    {"query": "whale captain", "k": 1},
    {"query": "whale captain", "k": 100, "offset": 7},
    {"query": "whale", "offset": 1000},
    {"query": "whale", "min_score": 0.5},
    {"query": "whale", "min_score": -1.0},
    {"query": "whale", "min_score": 1e300},
    {"query": "whale", "weights": {"vector": 0.0, "text": 1.0}},
    {"query": "whale", "weights": {"vector": 1e6, "text": 0.5}, "explain": True},
    {"query": "whale gold", "feedback": True, "explain": True},
    {"query": "whale gold", "feedback": False},
    *({"query": text} for text in ("%", "'; DROP TABLE rows; --", "\x01\x02", "-whale", "👩‍👩‍👧", "whale " * 2000)),
]  # fmt: skip


@pytest.mark.parametrize("request_", ACCEPTED, ids=lambda request: ascii(request)[:60])
def test_a_search_has_the_same_hits_on_every_face(faces: Faces, request_: dict[str, Any]) -> None:
    found = agreed(searched(faces, request_ | {"where": [MINE]}))

    assert found.document is not None, found
    assert found.document["hits"] or "offset" in request_ or request_.get("min_score", 0) > 1 or request_.get("weights")


CONDITIONS = [
    *("n=5", "n=5.0", "n= 5 ", "n>5", "n>=5.5", "n<1e1", "n!=5", "n=5,6", "n!=5,6", "when>2015-01-01", "when<2015"),
    *("when>=2015-01-01T00:00:00+09:00", "tags=a", "tags=a,b", 'tags="a,b"', 'tags="a","b"', "sign=x=y"),
    *('sign="x=""y"""', "wild=50%_*\\", "wild=50%", "wild=*", "maybe=null", 'maybe="null"', "maybe!=null"),
    *("deep.in.side=3", "deep.in.side>2", "deep.flag=true", "n=", "n=,", "\nn=5\n"),
]  # fmt: skip
REFUSED_CONDITIONS = [
    *("", "   ", "n", "=5", "n==5", "n=>5", "n<>5", "n~5", "n>abc", "n>", "when<2015-13-01", "bogus=1", "deep.bogus=1"),
    *("n=" + "x" * 4096, "x" * 5000 + "=1", "n=" + ",".join(map(str, range(1001)))),
]  # fmt: skip


@pytest.mark.parametrize("condition", CONDITIONS, ids=lambda text: ascii(text)[:40])
def test_a_condition_means_the_same_on_every_face(faces: Faces, condition: str) -> None:
    asked = {"query": "whale", "mode": "text", "k": 100, "where": [MINE, condition]}

    assert agreed(searched(faces, asked)).document is not None


@pytest.mark.parametrize("condition", REFUSED_CONDITIONS, ids=lambda text: ascii(text)[:40])
def test_a_wrong_condition_is_refused_with_one_sentence(faces: Faces, condition: str) -> None:
    assert_refused(searched(faces, {"query": "whale", "mode": "text", "where": [condition]}))


def nested(levels: int) -> dict[str, Any]:
    tree = {"field": "n", "op": "=", "value": 1}
    for _ in range(levels):
        tree = {"not": tree}
    return tree


def compared(op: str, value: Any, field: str = "n") -> dict[str, Any]:
    return {"field": field, "op": op, "value": value}


TREES: list[Any] = [
    *(compared(op, 5) for op in ("=", "eq", "!=", "ne", ">", "gt", ">=", "gte", "<", "lt", "<=", "lte")),
    *(compared("=", value) for value in ("5", 5.0, "5.00", True, 1e308)),
    *(compared("=", None, "maybe"), compared("in", [1, 2, "3"]), compared("in", []), compared("=", "50%", "wild")),
    {"or": [compared("=", 1), compared("=", 2)]},
    {"and": [compared(">", 1), {"or": [compared("=", True, "deep.flag"), "n<10"]}, {"not": compared("=", 3)}]},
    nested(32),
]
REFUSED_TREES: list[Any] = [
    *(compared(op, 5) for op in ("==", "like", "")),
    *(compared(">", value) for value in (None, "abc")),
    *(compared("=", value) for value in ("x" * 4097, 10**4200)),
    *(compared("=", 5, field) for field in ("", " ", "bogus", "x" * 5000)),
    *({"and": []}, {"or": []}, {"or": [compared("=", number) for number in range(65)]}, nested(33), nested(60)),
    compared("in", list(range(1001))),
]  # fmt: skip


@pytest.mark.parametrize("tree", TREES, ids=lambda tree: ascii(tree)[:60])
def test_a_tree_of_filters_means_the_same_on_every_face(faces: Faces, tree: Any) -> None:
    asked = {"query": "whale", "mode": "text", "k": 100, "where": {"and": [MINE, tree]} if tree != nested(32) else tree}

    assert agreed(searched(faces, asked, without=("command",))).document is not None


@pytest.mark.parametrize("tree", REFUSED_TREES, ids=lambda tree: ascii(tree)[:60])
def test_a_wrong_tree_is_refused_with_one_sentence(faces: Faces, tree: Any) -> None:
    long = "10000" in ascii(tree)  # an integer that JSON over HTTP may not have
    without = ("command", "http") if long else ("command",)

    assert_refused(searched(faces, {"query": "whale", "mode": "text", "where": tree}, without=without))


#: A request, and the faces that cannot say it: in a message of gRPC 0 and an empty text are what is not there.
REFUSED: list[tuple[dict[str, Any], tuple[str, ...]]] = [
    ({"k": 0}, ("grpc",)),
    *cases((), "k", -1, 101, 2**31 - 1),
    *cases(("grpc",), "k", 2**31, 2**63, 10**30, 1.0, 1.5),
    *cases((), "offset", -1, 1001),
    *cases((), "mode", "HYBRID", "semantic", " text", "x" * 300),
    ({"mode": ""}, ("grpc",)),
    *cases((), "query", "", " ", "\t\n", "\u00a0", "x" * 16_385),
    *cases(("http",), "min_score", float("nan"), float("inf")),
    *cases((), "weights", *({"vector": vector, "text": 0.0} for vector in (-1.0, 0.0, 1e7))),
    ({"where": ["n>=0"] * 65}, ()),
    ({"where": ["n>=0"] * 2000}, ()),
    *cases((), "like", "nope", "0" * 32, f"{{{uuid.UUID(int=1)}}}"),
    ({"like": str(uuid.UUID(int=1)), "query": "a"}, ()),
    ({"like": str(uuid.UUID(int=1)), "mode": "text"}, ()),
    ({"like": str(uuid.UUID(int=1)), "feedback": True}, ()),
    ({"like": str(uuid.UUID(int=1)), "rerank": True}, ()),
    # No argument of a command may have these, and no text of JSON over HTTP.
    ({"query": "a\0b"}, ("command", "http")),
    ({"query": "a\ud800b"}, ("command", "http", "grpc")),
]


@pytest.mark.parametrize(("request_", "without"), REFUSED, ids=lambda value: ascii(value)[:60])
def test_a_wrong_search_is_refused_with_one_sentence(
    faces: Faces, request_: dict[str, Any], without: tuple[str, ...]
) -> None:
    asked = request_ if "like" in request_ else {"query": "a"} | request_

    assert_refused(searched(faces, asked, without=without))


@pytest.mark.parametrize("name", ["", "nope", "Document", "x" * 201])
def test_a_domain_that_does_not_exist_is_refused_with_one_sentence(faces: Faces, name: str) -> None:
    found = searched(faces, {"query": "a", "domain": name}, without=() if name else ("grpc",))

    assert agreed(found).sentence
    assert found["command"].code == 2


#: Only JSON has other types.
TYPED = ("command", "grpc")


@pytest.mark.parametrize(
    ("wrong", "without"),
    [
        *cases(TYPED, "k", "10", True, []),
        *cases(TYPED, "mode", 1, True),
        *cases(TYPED, "query", 5, ["a"]),
        *(case for name in ("rerank", "explain", "feedback") for case in cases(TYPED, name, 1, "true", [])),
        *cases(TYPED, "min_score", "0.5", True, []),
        *cases(TYPED, "weights", [1, 2], "1,2", {"x": 1}, {"vector": "1"}, {"vector": True}),
        *cases(TYPED, "where", 5, [5], [[]], {"xor": []}, {"field": "n", "op": "="}, compared("=", [5])),
        *cases(TYPED, "bogus", 1),
    ],
    ids=lambda value: ascii(value)[:60],
)
def test_a_value_of_a_wrong_type_is_refused_with_one_sentence(
    faces: Faces, wrong: dict[str, Any], without: tuple[str, ...]
) -> None:
    assert_refused(searched(faces, {"query": "a"} | wrong, without=without))


@pytest.mark.parametrize(
    ("query", "k"),
    [("", 5), (" ", 5), ("x" * 16_385, 5), ("whale captain", 5), ("whale", 50)],
    ids=lambda v: ascii(v)[:9],
)
def test_the_shapes_of_others_search_the_same(faces: Faces, query: str, k: int) -> None:
    own = faces.call("POST", "/v1/search", {"query": query, "domain": DOMAIN, "k": k, "where": MINE})
    equal = {"type": "eq", "key": "shelf", "value": "faces"}
    store = {"query": query, "max_num_results": k, "filters": equal}
    condition = {"conditions": [{"name": "shelf", "comparison_operator": "is", "value": "faces"}]}
    dify = {"query": query, "knowledge_id": DOMAIN, "retrieval_setting": {"top_k": k}, "metadata_condition": condition}
    call = {"name": "search", "arguments": {"query": query, "domain": DOMAIN, "k": k, "where": [MINE]}}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
    headers = {"Accept": "application/json, text/event-stream"}

    stored = faces.call("POST", f"/v1/vector_stores/{DOMAIN}/search", store)
    retrieved = faces.call("POST", "/retrieval", dify)
    told = faces.http.post("/mcp", json=message, headers=headers).json()["result"]

    if own.document is None:
        assert {stored.sentence, retrieved.sentence, told["content"][0]["text"].partition(": ")[2]} == {own.sentence}
        return
    ids = [hit["id"] for hit in own.document["hits"]]
    assert ids
    assert [item["file_id"] for item in stored.document["data"]] == ids
    assert [record["metadata"]["row_id"] for record in retrieved.document["records"]] == ids
    assert [item["id"].rpartition("/")[2] for item in told["structuredContent"]["results"]] == ids
