"""The content hash: equal for equal content, different for any difference, the same everywhere."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from pc_worker.domains import Record, content_hash

_RECORD = Record(
    row_no=0,
    key="k",
    payload={"b": [1, 2.5, None], "a": "한국어"},
    text="text",
    vector=np.array([1, 2], np.float32),
    search_text="",
)


def test_the_hash_is_the_same_in_every_run_and_process() -> None:
    assert content_hash(_RECORD).hex() == "e0ee9bf4b640ad00edea4228169d27ce27fe0ea6926ab96930e94d923d752296"


def test_place_key_and_order_of_fields_are_no_content() -> None:
    same = dataclasses.replace(_RECORD, row_no=9, key="other", payload=dict(reversed(_RECORD.payload.items())))

    assert content_hash(same) == content_hash(_RECORD)


@pytest.mark.parametrize(
    "change",
    [
        {"payload": {"b": [1, 2.5, None], "a": "x"}},
        {"payload": {"b": [1, 2.5], "a": "한국어"}},
        {"text": "texts"},
        {"text": ""},
        {"text": None},
        {"vector": np.array([1, 3], np.float32)},
        {"vector": None},
    ],
    ids=str,
)
def test_any_other_payload_text_or_vector_gives_another_hash(change: dict[str, object]) -> None:
    assert content_hash(dataclasses.replace(_RECORD, **change)) != content_hash(_RECORD)  # type: ignore[arg-type] # by name


def test_a_big_endian_vector_of_the_same_numbers_hashes_the_same() -> None:
    swapped = dataclasses.replace(_RECORD, vector=np.array([1, 2], ">f4"))

    assert content_hash(swapped) == content_hash(_RECORD)
