"""Keys: canonical UUIDs, other values as text, digests where there is none."""

from __future__ import annotations

import datetime as dt
import sys
import uuid
from collections.abc import Iterator
from decimal import Decimal

import numpy as np
import pytest

from pc_worker.domains import Options, clean, get_domain, resolve, row_keys
from pc_worker.domains.cleaning.records import Skipped
from tests.unit.domains.tables import ABatch, columns_of

_UUID = "0b5f0d1c-6a3f-5f57-9d4f-0c3a5b8e7f11"


def _keys(*cells: object) -> list[str | None]:
    batch = ABatch([{"id": cell, "text": "x"} for cell in cells])
    domain = get_domain("document")
    mapping = resolve(domain, Options(), columns_of(batch, id="mixed"), batch, "f.pkl")
    return row_keys(domain, mapping, batch)


@pytest.mark.parametrize("cell", [_UUID, _UUID.upper(), uuid.UUID(_UUID)], ids=repr)
def test_a_valid_uuid_is_kept_in_canonical_lower_case(cell: object) -> None:
    assert _keys(cell) == [_UUID]


@pytest.mark.parametrize(
    "text", [_UUID.replace("-", ""), "{" + _UUID + "}", "urn:uuid:" + _UUID, _UUID + "\n", "1-1-1-1-1"]
)
def test_other_forms_that_some_parsers_take_for_a_uuid_stay_text(text: str) -> None:
    assert _keys(text) == [text]
    assert _keys(text.upper()) == [text.upper()]


@pytest.mark.parametrize(
    ("cell", "key"),
    [
        ("Straße", "Straße"),
        ("", ""),
        (5, "5"),
        (np.int64(5), "5"),
        (5.0, "5.0"),
        (True, "true"),
        (Decimal("1.50"), "1.50"),
        (dt.datetime(2026, 1, 2, tzinfo=dt.UTC), "2026-01-02T00:00:00+00:00"),
        ([1, "a"], '[1, "a"]'),
    ],
    ids=repr,
)
def test_any_other_value_is_its_text(cell: object, key: str) -> None:
    assert _keys(cell) == [key]


def test_an_integer_and_its_text_are_the_same_key() -> None:
    assert _keys(17, "17", np.int32(17)) == ["17"] * 3


@pytest.mark.parametrize("cell", [None, float("nan"), np.float64("nan")], ids=repr)
def test_a_null_key_is_none(cell: object) -> None:
    assert _keys(cell) == [None]


@pytest.fixture
def few_digits() -> Iterator[None]:
    """Apply Python's own limit on the digits of an integer, which the command line and a worker lift."""
    lifted = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(sys.int_info.default_max_str_digits)
    yield
    sys.set_int_max_str_digits(lifted)


@pytest.mark.usefixtures("few_digits")
def test_a_row_without_json_text_still_gets_a_key_of_its_own() -> None:
    domain = get_domain("document")
    batch = ABatch([{"text": "x", "n": 10**6000}] * 2, start=300)
    mapping = resolve(domain, Options(), columns_of(batch), batch, "f.pkl")

    first, second = row_keys(domain, mapping, batch)

    assert first != second


def test_the_digest_does_not_depend_on_the_order_of_columns_nor_on_surrogates() -> None:
    domain = get_domain("document")
    batch = ABatch([{"text": "\ud800", "n": 1}, {"n": 1, "text": "\ud800"}])
    mapping = resolve(domain, Options(), columns_of(batch), batch, "f.pkl")

    first, second = row_keys(domain, mapping, batch)

    assert first == second


def test_a_superseded_row_is_skipped_before_anything_else_is_judged() -> None:
    domain = get_domain("document")
    batch = ABatch([{"id": None, "text": None}, {"id": "b", "text": "x"}], start=600)
    mapping = resolve(domain, Options(), columns_of(batch), batch, "f.pkl")

    outcomes = clean(domain, mapping, batch, keys=[None, "b"], superseded={600})

    assert outcomes[0] == Skipped(600, "a later row of the file has the same key")
    assert outcomes[1].row_no == 601
