"""Facets: the terms by which the index finds the rows of a filter, and the fields of a payload."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pc_worker.store.search.filters.facets import LEVELS, MAX_FACETS, facet, intervals, payload_terms, rest
from pc_worker.store.search.values import ordered, value_form

NUMBERS = st.one_of(
    st.integers(-(2**70), 2**70), st.floats(allow_nan=False, allow_infinity=False), st.integers(-3000, 3000)
)


def facets(payload: dict[str, Any]) -> set[int]:
    return payload_terms("d", payload).facets


@pytest.mark.parametrize(
    ("value", "form"),
    [
        ("blue", "blue"),
        (7, "7"),
        ("7.0", "7"),
        (True, "true"),
        (1.5, "1.5"),
        (1e-7, "0.0000001"),
        (1e16, "10000000000000000"),
        (-0.0, "0"),
        ("007", "007"),
        (["a", "b"], "b"),
        ([1, "x"], "1"),
        ([[["deep"]]], "deep"),
        ("", ""),
        ("2024-05-01T09:00:00+09:00", value_form("2024-05-01") or ""),
    ],
)
def test_a_value_has_the_facet_of_its_form(value: object, form: str) -> None:
    assert facet("d", "field", form) in facets({"field": value})


def test_the_fields_of_objects_have_dotted_names() -> None:
    found = payload_terms("d", {"a": {"b": [{"c": "x"}, {"e.f": 1}]}, "n": None})

    assert facet("d", "a.b.c", "x") in found.facets
    assert facet("d", "a.b.e.f", "1") in found.facets
    assert found.fields == {("a",), ("a", "b"), ("a", "b", "c"), ("a", "b", "e.f"), ("n",)}


@pytest.mark.parametrize("value", [None, {}, [], "x" * 201, 10**500])
def test_null_empty_and_long_values_have_no_facet(value: object) -> None:
    assert not {facet("d", "field", "x"), rest("d")} & facets({"field": value})


def nested(depth: int) -> Any:
    return "x" if depth == 0 else [nested(depth - 1)]


@pytest.mark.parametrize(
    "payload", [{"tags": [str(n) for n in range(1_000)]}, {"a": nested(50)}, {str(n): float(n) for n in range(100)}]
)
def test_a_row_with_too_many_or_too_deep_values_is_marked(payload: dict[str, Any]) -> None:
    found = payload_terms("d", payload)

    assert rest("d") in found.facets
    assert len(found.facets) <= MAX_FACETS + 1
    assert {(name,) for name in payload} <= found.fields


@given(NUMBERS, NUMBERS, NUMBERS)
def test_the_intervals_of_a_range_contain_every_number_in_it(a: float, b: float, c: float) -> None:
    low, middle, high = sorted((a, b, c))
    bits = [(ordered(number) or ("n", 0))[1] for number in (low, middle, high)]

    assert bits == sorted(bits)
    found = set(intervals("d", "n", "n", bits[0], bits[2]))
    assert found & facets({"n": middle})
    # Below a wider interval, at most 255 narrower ones lie before it and 255 after; there are 64 of the widest.
    assert len(found) <= sum(2 * (2 ** (narrow - wide) - 1) for narrow, wide in pairwise(LEVELS)) + 2 ** LEVELS[-1]


@pytest.mark.parametrize(("number", "inside"), [(99, False), (99.9, False), (100, True), (2e9, True), (-5, False)])
def test_a_range_leaves_out_what_is_beyond_its_first_interval(number: float, inside: bool) -> None:
    kind, low = ordered(100) or ("n", 0)

    assert bool(set(intervals("d", "n", kind, low, 2**64 - 1)) & facets({"n": number})) is inside


@given(st.text())
def test_no_text_is_an_error(text: str) -> None:
    payload_terms("d", {text: text})


FLAT = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.sampled_from(["2024-05-01", "7"]))


@given(st.dictionaries(st.text(max_size=3), st.one_of(FLAT, st.lists(FLAT, max_size=MAX_FACETS // 3))))
def test_flat_payloads_have_the_facets_that_they_have_beside_nested_values(payload: dict[str, Any]) -> None:
    nested_field: dict[str, Any] = {"not a flat name": [[]]}  # no value, but no flat payload either

    assert facets(payload | nested_field) == facets(payload)
