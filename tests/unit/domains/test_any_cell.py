"""For any cells every row has exactly one outcome, and a record can be stored."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pc_worker.domains import Dead, Record, Skipped, content_hash
from pc_worker.reader import normal
from tests.unit.domains.tables import candidate_row, clean_rows, recruit_row, skill_row

_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(4000, 4400).map(lambda digits: 10**digits),
    st.floats(),
    st.floats(width=32).map(np.float32),
    st.text(st.characters(codec=None), max_size=20),
    st.binary(max_size=8),
    st.decimals(),
    st.dates(),
    st.datetimes(timezones=st.sampled_from([None, dt.UTC])),
    st.times(),
    st.timedeltas(),
    st.uuids(),
    st.sampled_from(["no_exp", "3y", "[1, 2", "[" + "0," * 1535 + "1e40]", "2021-07-01"]),
)
_CELLS = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(st.text(st.characters(codec=None), max_size=4), inner, max_size=3),
        st.lists(st.floats(width=32), max_size=4).map(lambda items: np.array(items, np.float32)),
    ),
    max_leaves=6,
)


def _a_document(**changes: object) -> dict[str, object]:
    return {"id": 1, "text": "x", "extra": 1, **changes}


@pytest.mark.parametrize(
    ("domain", "make"),
    [("recruit", recruit_row), ("candidate", candidate_row), ("skill_dic", skill_row), ("document", _a_document)],
)
@given(data=st.data())
def test_any_cell_in_any_column_gives_one_outcome_that_can_be_stored(
    domain: str, make: Callable[..., dict[str, Any]], data: st.DataObject
) -> None:
    column = data.draw(st.sampled_from(sorted(make())))
    row = make() | {column: data.draw(_CELLS)}

    _, outcome = clean_rows(domain, make(), row)

    assert outcome.row_no == 1
    if isinstance(outcome, Record):
        assert len(content_hash(outcome)) == 32
        assert normal(outcome.payload) == outcome.payload
        for text in (
            json.dumps(outcome.payload, allow_nan=False),
            outcome.text or "",
            outcome.search_text,
            outcome.key,
        ):
            assert "\0" not in text.encode().decode()
        assert outcome.vector is None or np.isfinite(outcome.vector).all()
    else:
        assert isinstance(outcome, Skipped | Dead)
        assert 0 < len(outcome.reason) < 200
        assert outcome.reason.encode().decode().isprintable()
