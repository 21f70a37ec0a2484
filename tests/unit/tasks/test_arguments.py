"""A task's arguments are read strictly, and what is wrong with them is one sentence that names the argument."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from pc_worker.errors import InvalidRequest
from pc_worker.services.ingest.submit import IngestRequest
from pc_worker.services.request_model import RequestModel
from pc_worker.services.search.request import SearchRequest
from tasks.arguments import Chunk, Ingest, Push, usable_job_id
from tasks.call import NoArguments, read_arguments

SOUND = {"path": "/a/b.pkl", "domain": "document"}


def _each(name: str, *values: Any) -> list[tuple[str, Any]]:
    return [(name, value) for value in values]


WRONG_INGESTS: list[tuple[str, Any]] = [
    *_each("path", "", "b.pkl", "./b", 5, None, ["/a"], {"a": 1}, "/a\0b", "/\ud800", "/" * 5000),
    *_each("domain", 5, None, ["document"], "a\0", "\udfff", "d" * 2000),
    *_each("chunk_size", "300", 0, -1, 1001, 2.5, 300.0, True, [300], 10**30),
    *_each("job_id", 5, "", "a\n", "\0", "\x1b[31m", "\ud800", "x" * 256, ["a"], True, UUID(int=5)),
    *_each("max_dead", "5", -1, 10**20, 2**63, 0.5, True, {}),
    *_each("source", 7, "", "a\0b", "\ud83d", ["x"], b"x", "x" * 2000),
    *_each("id_column", 7, "a\0b", ["x"], "x" * 2000),
    *_each("text_columns", "text", 5, [5], ["a", None], ["a\0"], {"a": 1}, [["a"]]),
    *((name, 1) for name in ("dialect", "Path", "self", "asked", "x" * 5000)),
]  # fmt: skip


def refusal(model: type[RequestModel], *args: Any, **kwargs: Any) -> str:
    with pytest.raises(InvalidRequest) as caught:
        read_arguments("a_task", model, args, kwargs)
    return str(caught.value)


def assert_is_one_sentence(text: str, name: str) -> None:
    assert text.startswith("a_task: ")
    assert name[:20] in text
    assert text.isprintable()
    assert len(text) < 400
    assert "pydantic" not in text


@pytest.mark.parametrize(("name", "value"), WRONG_INGESTS, ids=lambda value: ascii(value)[:30])
def test_a_wrong_ingest_is_one_sentence(name: str, value: Any) -> None:
    assert_is_one_sentence(refusal(Ingest, **SOUND | {name: value}), name)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"chunk_size": "300"}, "a_task: chunk_size must be a whole number from 1 to 1000: rows of a chunk, not '300'"),
        ({"path": ...}, "a_task: path is missing"),
        ({"text_columns": "text"}, "a_task: text_columns must be a list of at most 1,000 different names of columns"),
        ({"dialect": 1}, "a_task: there is no field 'dialect'; there are chunk_size, max_dead, "),
    ],
)
def test_the_sentence_says_what_is_wanted_and_what_came(changes: dict[str, Any], sentence: str) -> None:
    given = {name: value for name, value in (SOUND | changes).items() if value is not ...}

    assert refusal(Ingest, **given).startswith(sentence)


def test_a_value_that_is_null_is_as_if_it_were_not_there() -> None:
    nulls = dict.fromkeys(("chunk_size", "max_dead", "source", "text_columns"))

    assert read_arguments("a_task", Ingest, (), SOUND | nulls).request() == IngestRequest(
        path="/a/b.pkl", domain="document"
    )


def test_positions_count_as_names() -> None:
    asked = read_arguments("a_task", Ingest, ["/a/b.pkl", "document", 20], {"max_dead": 3})

    assert asked.request() == IngestRequest(path="/a/b.pkl", domain="document", chunk_size=20, max_dead=3)
    too_many = len(Ingest.model_fields) + 1
    assert f"not {too_many}" in refusal(Ingest, *range(too_many))
    assert "path is given twice" in refusal(Ingest, "/a", **SOUND)


@pytest.mark.parametrize(
    ("model", "given"),
    [
        (SearchRequest, {"query": 5, "domain": "d"}),
        (SearchRequest, {"query": "q", "domain": "d", "k": "3"}),
        (SearchRequest, {"query": "q", "domain": "d", "k": True}),
        (SearchRequest, {"query": "q", "domain": "d", "k": 101}),
        (SearchRequest, {"query": "q", "domain": "d\0"}),
        (SearchRequest, {"query": "q", "domain": "d", "mode": 5}),
        (SearchRequest, {"query": "q", "domain": "d", "feedback": 1}),
        (SearchRequest, {"query": "q", "domain": "d", "explain": "yes"}),
        (SearchRequest, {"query": "q", "domain": "d", "weights": [1, 2]}),
        (SearchRequest, {"query": "q", "domain": ["d"]}),
        (Chunk, {"job_id": 5, "chunk_no": 1}),
        (Chunk, {"job_id": "j", "chunk_no": "1"}),
        (Chunk, {"job_id": "j", "chunk_no": 2**31}),
        (Chunk, {"job_id": "j", "chunk_no": -1}),
        (Chunk, {"job_id": "j", "chunk_no": False}),
        (Push, {"domain": 5}),
        (Push, {"domain": "d", "after": 1.5}),
        (Push, {"domain": "d", "after": -1}),
        (Push, {"domain": "d", "after": 2**63}),
        (Push, {"domain": "d", "after": True}),
        (Push, {"domain": "d", "address": 50051}),
        (NoArguments, {"x": 1}),
    ],
)
def test_every_task_reads_its_arguments_strictly(model: type[RequestModel], given: dict[str, Any]) -> None:
    assert_is_one_sentence(refusal(model, **given), list(given)[-1] if len(given) > 2 else "")


def test_an_id_that_cannot_stand_for_a_job_stands_for_none() -> None:
    for job_id in ("nightly-2030.05", "nightly load 1", "x" * 255):
        assert usable_job_id(job_id) == job_id
    assert [usable_job_id(value) for value in (None, 5, "", "a\n", "\ud800", "\0")] == [None] * 6


def test_the_setting_decides_the_chunk_size_of_a_call_without_one() -> None:
    unset, chosen = (read_arguments("a_task", Ingest, (), SOUND | given).request() for given in ({}, {"chunk_size": 7}))

    assert unset.to_dict(chunk_rows=600)["chunk_size"] == 600
    assert chosen.to_dict(chunk_rows=600)["chunk_size"] == 7
