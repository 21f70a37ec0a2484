from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from pc_worker.errors import InvalidCursor
from pc_worker.http.requests.paging import Paging


def cursor(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def test_pages_joined_are_the_whole_list() -> None:
    everything = [f"item {i:02}" for i in range(25)]
    seen: list[str] = []
    page = Paging(10, None).cut("items", everything, lambda item: (item,), str)
    while True:
        seen += page.items
        if page.next_cursor is None:
            break
        page = Paging(10, page.next_cursor).cut("items", everything, lambda item: (item,), str)

    assert seen == everything


def test_an_empty_list_has_one_empty_page() -> None:
    page = Paging(10, None).cut("items", list[str](), lambda item: (item,), str)

    assert (page.items, page.next_cursor) == ([], None)


@pytest.mark.parametrize(
    "broken",
    [
        "",
        "!",
        "a",
        "äöü",
        "[]",
        cursor(None),
        cursor({}),
        cursor([]),
        cursor("items"),
        cursor(["items"]),
        cursor(["others", "x"]),
        cursor(["items", 3]),
        cursor(["items", None]),
        cursor(["items", ["x"]]),
        cursor(["items", "x", "y"]),
        cursor(["items", "a\0b"]),
        cursor(["items", "\ud800"]),
        base64.urlsafe_b64encode(b"[" * 100_000).decode(),
        base64.urlsafe_b64encode(b"\xff\xfe").decode(),
    ],
)
@pytest.mark.parametrize("items", [[], ["a", "b"]], ids=["empty list", "list"])
def test_a_cursor_that_is_not_of_the_list_is_refused(broken: str, items: list[str]) -> None:
    with pytest.raises(InvalidCursor):
        Paging(10, broken).cut("items", items, lambda item: (item,), str)


def test_a_list_that_became_empty_between_two_pages_ends() -> None:
    first = Paging(1, None).cut("items", ["a", "b"], lambda item: (item,), str)

    page = Paging(1, first.next_cursor).cut("items", list[str](), lambda item: (item,), str)

    assert (page.items, page.next_cursor) == ([], None)


@pytest.mark.parametrize("time", ["", "soon", "0001-01-01T00:00:00+10:00", "9999-12-31T23:59:59-10:00", 3, None, True])
def test_a_cursor_without_a_time_is_refused_where_the_list_has_one(time: Any) -> None:
    with pytest.raises(InvalidCursor):
        Paging(10, cursor(["items", time])).after("items", datetime)


def test_a_time_is_given_back_in_utc_whatever_its_offset() -> None:
    asked = Paging(10, cursor(["items", "2026-11-29T20:00:00+19:59"])).after("items", datetime)

    assert asked == (datetime(2026, 11, 29, 0, 1, tzinfo=UTC),)
    assert asked[0].tzinfo is UTC


def test_a_number_beyond_64_bits_is_refused() -> None:
    with pytest.raises(InvalidCursor):
        Paging(10, cursor(["items", 2**63])).after("items", int)


def test_a_cursor_gives_the_key_back() -> None:
    page = Paging(1, None).page("items", [1, 2], lambda item: ("é", item, 0.5))
    assert page.next_cursor is not None

    assert Paging(1, page.next_cursor).after("items", str, int, float) == ("é", 1, 0.5)
