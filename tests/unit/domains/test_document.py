"""The domain that takes any table: text, payload and search words of its rows."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from pc_worker.domains import Dead, Options, Record, Skipped, clean, get_domain, resolve
from pc_worker.errors import SchemaMismatch
from tests.unit.domains.tables import ABatch, clean_rows, columns_of


def test_the_payload_is_the_row_less_its_vector_columns() -> None:
    row = {"id": 7, "text": "hello", "tags": ["a", "b"], "day": dt.date(2026, 1, 2), "v": np.ones(4)}

    [record] = clean_rows("document", row)

    assert isinstance(record, Record)
    assert record.key == "7"
    assert record.payload == {"id": 7, "text": "hello", "tags": ["a", "b"], "day": "2026-01-02"}
    assert record.text == "hello"
    assert record.vector is None


def test_a_row_of_a_list_of_dicts_keeps_its_own_keys_only() -> None:
    first, second = clean_rows("document", {"id": "a", "text": "x", "more": 1}, {"id": "b", "text": "y"})

    assert isinstance(first, Record)
    assert isinstance(second, Record)
    assert (list(first.payload), list(second.payload)) == (["id", "text", "more"], ["id", "text"])


def test_several_text_columns_are_joined_with_blank_lines_and_empty_ones_left_out() -> None:
    row = {"id": 1, "title": "Tea", "note": None, "body": "Pour.", "year": 1999}

    [record] = clean_rows("document", row, text_columns=("title", "note", "body", "year"))

    assert isinstance(record, Record)
    assert record.text == "Tea\n\nPour.\n\n1999"


@pytest.mark.parametrize("text", [None, float("nan"), "", " \n\t"], ids=repr)
def test_null_or_blank_text_is_skipped(text: object) -> None:
    assert clean_rows("document", {"id": 1, "text": "there"}, {"id": 2, "text": text})[1] == Skipped(
        1, "text: no text to embed"
    )


def test_a_row_that_lacks_the_text_key_is_skipped() -> None:
    assert isinstance(clean_rows("document", {"id": 1, "text": "there"}, {"id": 2})[1], Skipped)


@pytest.mark.parametrize("cell", [["a"], {"a": 1}, b"bytes", np.array(["a"])], ids=repr)
def test_a_text_cell_that_is_no_text_is_dead(cell: object) -> None:
    outcome = clean_rows("document", {"id": 1, "text": "there"}, {"id": 2, "text": cell})[1]

    assert isinstance(outcome, Dead)
    assert outcome.reason.startswith("text: a ")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("a\0b", "extra: holds a NUL character"),
        (["fine", "\ud800"], "extra: holds a lone surrogate, which is no valid Unicode"),
        ({"deep": {"a\0b": 1}}, "extra: holds a NUL character"),
        ([[[10**6000]]], "extra: an integer of thousands of digits"),
        (-(10**6000), "extra: an integer of thousands of digits"),
    ],
    ids=["text", "list", "key", "nested integer", "integer"],
)
def test_a_value_that_cannot_be_stored_makes_the_row_dead_wherever_it_hides(value: object, reason: str) -> None:
    assert clean_rows("document", {"id": 1, "text": "x", "extra": value}) == [Dead(0, reason)]


def test_a_column_label_that_cannot_be_stored_makes_the_row_dead() -> None:
    [outcome] = clean_rows("document", {"id": 1, "text": "x", "a\0b": 1})

    assert outcome == Dead(0, "a\\x00b: holds a NUL character")


def test_nesting_beyond_a_hundred_levels_is_dead() -> None:
    nested: list[object] = []
    for _ in range(100):
        nested = [nested]

    [outcome] = clean_rows("document", {"id": 1, "text": "x", "extra": nested})

    assert outcome == Dead(0, "extra: nested deeper than 100 levels")


def test_search_finds_the_embedded_text_first_and_every_other_text_of_the_row() -> None:
    [record] = clean_rows("document", {"id": "os.path", "n": 1, "text": "joins", "tags": ["io", 3], "o": {"a": "no"}})

    assert isinstance(record, Record)
    assert record.search_text == "joins\nos.path\nio"


def test_without_an_id_column_equal_rows_share_a_digest_and_others_do_not() -> None:
    outcomes = clean_rows("document", {"text": "x", "n": 1}, {"text": "x", "n": 2}, {"n": 1, "text": "x"})

    keys = [outcome.key for outcome in outcomes if isinstance(outcome, Record)]
    assert keys[0] == keys[2] != keys[1]
    assert len(keys[0]) == 64


@pytest.mark.parametrize("name", ["a\0b", "a\ud800"], ids=ascii)
@pytest.mark.parametrize("key", [{}, {"id": 1}], ids=["no key", "a key"])
def test_a_name_that_cannot_be_stored_makes_its_rows_dead_and_is_not_in_the_plan(
    name: str, key: dict[str, object]
) -> None:
    batch = ABatch([{**key, "text": "there", name: value} for value in (1, "x", np.ones(4))] + [{**key, "text": "y"}])
    mapping = resolve(get_domain("document"), Options(), columns_of(batch), batch, "rows.pkl")
    vectors = resolve(get_domain("document"), Options(), columns_of(batch, **{name: "vector"}), batch, "rows.pkl")

    outcomes = clean(get_domain("document"), mapping, batch, keys=["a", "b", "c", "d"], superseded=())
    assert [type(outcome) for outcome in outcomes] == [Dead, Dead, Dead, Record]
    assert all(ascii(name)[1:-1].removeprefix("a") not in ascii(plan.to_dict()) for plan in (mapping, vectors))


def test_a_text_column_whose_name_cannot_be_stored_is_rejected() -> None:
    batch = ABatch([{"a\0b": "the only text of this table, of many words"}])

    with pytest.raises(SchemaMismatch, match=r"'a\\x00b' has a NUL"):
        resolve(get_domain("document"), Options(), columns_of(batch), batch, "rows.pkl")


@pytest.mark.parametrize(
    "texts",
    [
        ["[0.5, -1, 0, 0, 0, 0, 0, 0]", "[1, 0, 0, 0, 0, 0, 0, 0]"],
        [" [1e-3,2,3,4,5,6,7,8]", None, "[3,4,5,6,7,8,9,10]\n"],
        [None, "", "[0.25, 1, 1, 1, 1, 1, 1, 1]"],
    ],
    ids=str,
)
def test_texts_that_are_vectors_in_json_are_left_out_as_vectors_are(texts: list[str | None]) -> None:
    rows = [{"id": n, "embedding": text, "note": "short", "v": [0, 0.5]} for n, text in enumerate(texts)]

    records = clean_rows("document", *rows)

    for n, record in enumerate(records):
        assert isinstance(record, Record)
        assert (record.text, record.payload) == ("short", {"id": n, "note": "short", "v": [0, 0.5]})
        assert "0.5" not in record.search_text


@pytest.mark.parametrize(
    "texts",
    [
        ["[1, 2, 3, 4, 5, 6, 7, 8]"],
        ["[0.5, 1, 1, 1, 1, 1, 1, 1]", "[0.5, 1, 1, 1, 1, 1, 1]"],
        ["[52.52, 13.4]", "[48.14, 11.58]"],
        ["[0.5, 1, 1, 1, 1, 1, 1, 1]", "prose"],
        ["[0.5, 1, 1, 1, 1, 1, 1, null]"],
        ["0.5"],
    ],
    ids=str,
)
def test_other_texts_in_brackets_stay_in_the_payload(texts: list[str]) -> None:
    rows = [{"id": n, "list": text, "text": "prose"} for n, text in enumerate(texts)]

    records = clean_rows("document", *rows)

    assert [record.payload["list"] for record in records if isinstance(record, Record)] == texts


def test_a_column_of_vectors_in_json_is_no_text_to_embed() -> None:
    row = {"id": 1, "text": "[0.5, 1, 2, 3, 4, 5, 6, 7]"}

    with pytest.raises(SchemaMismatch, match="needs a column of text"):
        clean_rows("document", row)
    with pytest.raises(SchemaMismatch, match='"text" holds vectors'):
        clean_rows("document", row, text_columns=("text",))
