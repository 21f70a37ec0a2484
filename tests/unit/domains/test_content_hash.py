"""The content hash is the same in every version and by every encoder: otherwise all rows would be written again."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pc_worker.domains import Record, content_hash

SCALARS = st.one_of(st.text(), st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(allow_nan=False))
VALUES = st.one_of(SCALARS, st.lists(st.text()), st.lists(SCALARS), st.dictionaries(st.text(), SCALARS))


def record(payload: dict[str, Any]) -> Record:
    return Record(row_no=0, key="k", payload=payload, text="t", vector=None, search_text="")


def standard(payload: dict[str, Any]) -> bytes:
    """Return the hash of the payload as the standard library writes it, and of the text."""
    form = json.dumps(payload, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    parts = (form, b"tt", b"")
    return hashlib.blake2b(b"".join(len(p).to_bytes(8, "little") + p for p in parts), digest_size=32).digest()


@given(st.dictionaries(st.text(), VALUES.filter(lambda value: "inf" not in repr(value))))
@example({"é": '\x7f\x00\x1f\b\f\n"\\/\u2028😀', "￿": 1, "😀": 2})
@example({"large": 2**64, "small": -(2**63) - 1, "exact": 1e16, "tiny": 1e-7, "texts": ["a", "\t"]})
def test_it_is_the_hash_of_the_standard_form(payload: dict[str, Any]) -> None:
    assert content_hash(record(payload)) == standard(payload)


@pytest.mark.parametrize(("one", "other"), [(1, True), (1, 1.0), ("1", 1), (None, "null"), (["a"], "a")])
def test_values_of_other_types_are_other_content(one: object, other: object) -> None:
    assert content_hash(record({"x": one})) != content_hash(record({"x": other}))
