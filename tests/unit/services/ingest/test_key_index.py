"""Rows that share a key are found, in bounded memory."""

from __future__ import annotations

import tempfile
from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from pc_worker.services.ingest.key_index import KeyIndex


def groups_of(keys: list[str | None], rows_at_once: int) -> list[list[int]]:
    with tempfile.TemporaryFile() as file, KeyIndex(file, rows_at_once=rows_at_once) as index:
        index.add(keys)
        return sorted(group.tolist() for group in index.groups())


@given(st.lists(st.one_of(st.none(), st.sampled_from("abcdefg"))), st.integers(1, 10))
def test_groups_are_the_rows_of_equal_keys_in_order(keys: list[str | None], rows_at_once: int) -> None:
    expected = defaultdict(list)
    for row, key in enumerate(keys):
        if key is not None:
            expected[key].append(row)

    assert groups_of(keys, rows_at_once) == sorted(rows for rows in expected.values() if len(rows) > 1)


def test_null_keys_equal_nothing() -> None:
    assert groups_of([None, None], 10) == []
