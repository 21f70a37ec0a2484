"""The limits of one search, checked in one place for the command line, Celery and gRPC."""

from __future__ import annotations

from typing import Any

import pytest

from pc_worker.errors import InvalidRequest
from pc_worker.services.search.request import MAX_QUERY_CHARS, SearchRequest
from pc_worker.store.search.filters.where import MAX_CONDITION_CHARS, MAX_CONDITIONS, parse_where

CONDITION = "a=b"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"query": "x" * (MAX_QUERY_CHARS + 1)}, "16,385 characters"),
        ({"where": (CONDITION,) * (MAX_CONDITIONS + 1)}, "65 filters are too many"),
        ({"domain": "law\0"}, "there is no domain"),
        ({"domain": "\ud800"}, "there is no domain"),
        ({"domain": "x" * 1000}, "there is no domain"),
    ],
)
def test_a_search_over_a_limit_is_invalid_before_any_work(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidRequest, match=says):
        SearchRequest(**({"query": "q", "domain": "document"} | changes))


@pytest.mark.parametrize(
    "texts",
    [
        pytest.param(["a=b"] * 20_000, id="many"),
        pytest.param(["a=" + "x" * MAX_CONDITION_CHARS], id="long value"),
        pytest.param(["x" * 1_000_000 + "=a"], id="long field"),
    ],
)
def test_filters_over_a_limit_are_invalid_with_a_short_message(texts: list[str]) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse_where(texts)

    assert len(str(refused.value)) < 200


@pytest.mark.parametrize("text", ["n>=٣", "n<=１２", "n>=1²", "n>=۱.۵"])
def test_only_ascii_digits_make_a_number(text: str) -> None:
    with pytest.raises(InvalidRequest, match="a range ends at a number"):
        parse_where([text])
