"""A filter as JSON: equal filters are equal texts, and the text reads back as the filter."""

from __future__ import annotations

import json

import pytest

from pc_worker.model.filter_json import filter_json
from pc_worker.store.search.filters.where import read_where


@pytest.mark.parametrize(
    "where",
    [
        "a=1",
        "a!=1",
        "a=null",
        "a=1,2",
        "a!=1,2",
        'a="1, 2"',
        "작성일>=2026-11-29",
        ["a=1", {"or": [{"field": "b.c", "op": "in", "value": [1, None, True]}, {"not": "d<5"}]}],
        {"not": [{"not": "a=1"}, "b=2"]},
    ],
)
def test_it_reads_back_and_is_then_the_same(where: object) -> None:
    text = filter_json(read_where(where))
    assert text is not None

    assert filter_json(read_where(json.loads(text))) == text


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a=1", {"field": "a", "op": "eq", "value": 1}),
        ("a>=5", '"a">=5'),
        (["a=1", "b=2"], {"and": ["a=1", "b=2"]}),
    ],
)
def test_equal_filters_are_equal_texts(one: object, other: object) -> None:
    assert filter_json(read_where(one)) == filter_json(read_where(other))


def test_no_filter_is_none() -> None:
    assert filter_json(read_where([])) is None
