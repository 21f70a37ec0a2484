"""Parquet and Arrow files of pandas read as pickles of the same table: index first, periods and intervals as text."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import feather

from pc_worker.reader.formats.pandas_notes import pandas_values
from tests.unit.reader.reading import read_twice

PLAIN = pd.DataFrame({"a": [1.5, 2.5, 3.5], "k": ["x", "y", "z"]})
FRAMES = {
    "no index": PLAIN,
    "a named index": PLAIN.set_index("k"),
    "an index without a name": PLAIN.set_axis(["p", "q", "r"]),
    "a name that is taken": PLAIN.set_axis(["p", "q", "r"]).rename(columns={"a": "index"}),
    "the end of a range": PLAIN.iloc[1:],
    "every second of a range": PLAIN.iloc[::2].rename_axis("n"),
    "levels": PLAIN.set_index(pd.MultiIndex.from_arrays([[1, 2, 3], list("uvw")], names=[None, "b"])),
    "periods": PLAIN.assign(m=pd.PeriodIndex(["2024-01", None, "1960-12"], freq="M")),
    "intervals": PLAIN.assign(i=pd.arrays.IntervalArray.from_tuples([(0, 1), None, (2, 3)], closed="left")),
    "intervals of times": PLAIN.assign(i=pd.interval_range(pd.Timestamp("2024-01-01"), periods=3)),
    "an index of periods": PLAIN.set_index(pd.period_range("2024-01-01", periods=3, freq="W")),
    "categories and an index": PLAIN.assign(c=pd.Categorical(["u", "v", "u"])).set_index("k"),
    "no rows": PLAIN.set_index("k").iloc[:0],
}
WRITERS: dict[str, Callable[[Any, str], None]] = {"parquet": pq.write_table, "feather": feather.write_feather}


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("name", FRAMES)
def test_a_table_of_pandas_reads_as_its_pickle(name: str, writer: str, tmp_path: Path) -> None:
    FRAMES[name].to_pickle(tmp_path / "f.pkl")
    WRITERS[writer](pa.Table.from_pandas(FRAMES[name]), str(tmp_path / "f.arrow"))

    expected, found = (read_twice(tmp_path / file, tmp_path, chunk=2) for file in ("f.pkl", "f.arrow"))

    assert found == expected
    assert [list(row) for row in found] == [list(row) for row in expected]


RANGE = {"kind": "range", "name": None, "start": 5, "stop": 8, "step": 1}


@pytest.mark.parametrize(
    "note",
    [
        b"no JSON",
        b"[" * 100_000,
        *(
            json.dumps({"index_columns": index, "columns": columns}).encode()
            for index, columns in [
                (["missing"], []),
                (["k", "k"], []),
                (["k"], None),
                (["k"], ["k"]),
                (7, []),
                ([None], []),
                ([RANGE | {"stop": 9}], []),
                ([RANGE | {"step": 0}], []),
                ([RANGE | {"kind": "serialized"}], []),
                ([RANGE | {"start": "5"}], []),
                ([RANGE | {"stop": 10**30}], []),
            ]
        ),
    ],
    ids=lambda note: ascii(note)[:50],
)
def test_a_note_that_does_not_fit_is_ignored(note: bytes, tmp_path: Path) -> None:
    table = pa.table({"a": [1, 2, 3], "k": ["x", "y", "z"]})
    pq.write_table(table.replace_schema_metadata({b"pandas": note}), tmp_path / "f")

    assert read_twice(tmp_path / "f", tmp_path) == table.to_pylist()


@pytest.mark.parametrize(
    ("name", "note"),
    [
        ("pandas.period", {"freq": "nothing"}),
        ("pandas.period", {"freq": 5}),
        ("pandas.period", {"freq": "M; import os"}),
        ("pandas.period", []),
        ("pandas.interval", {"closed": "perhaps"}),
        ("pandas.other", {}),
    ],
    ids=str,
)
def test_a_type_with_a_note_that_does_not_fit_reads_as_it_is_stored(name: str, note: Any) -> None:
    metadata = {b"ARROW:extension:name": name.encode(), b"ARROW:extension:metadata": json.dumps(note).encode()}

    assert pandas_values(SimpleNamespace(type=pa.int64(), metadata=metadata)) is None


DAY, CLOSED = {"freq": "D"}, {"closed": "left"}
BOUNDS = [{"left": 1, "right": 2}, None]
VECTORS = pa.array([{"left": [1.5], "right": [2.5]}] * 2)
UNFIT: dict[str, tuple[str, Any, Any]] = {
    "periods of texts": ("pandas.period", DAY, pa.array(["a", None])),
    "periods of fractions": ("pandas.period", DAY, pa.array([1.5, 1e300])),
    "periods beyond all": ("pandas.period", DAY, pa.array([2**64 - 1, 1], pa.uint64())),
    "periods of bounds": ("pandas.period", DAY, pa.array(BOUNDS)),
    "intervals of numbers": ("pandas.interval", CLOSED, pa.array([1, 2])),
    "intervals of lists": ("pandas.interval", CLOSED, pa.array([[1, 2], None])),
    "intervals with one bound": ("pandas.interval", CLOSED, pa.array([{"left": 1}, None])),
    "intervals of vectors": ("pandas.interval", CLOSED, VECTORS),
}


@pytest.mark.parametrize("case", UNFIT)
def test_a_note_on_a_type_that_cannot_hold_it_is_ignored(case: str, tmp_path: Path) -> None:
    name, note, column = UNFIT[case]
    metadata = {b"ARROW:extension:name": name.encode(), b"ARROW:extension:metadata": json.dumps(note).encode()}

    assert pandas_values(SimpleNamespace(type=column.type, metadata=metadata)) is None


def test_every_number_of_a_period_is_text_or_null() -> None:
    metadata = {b"ARROW:extension:name": b"pandas.period", b"ARROW:extension:metadata": json.dumps(DAY).encode()}
    found = pandas_values(SimpleNamespace(type=pa.int64(), metadata=metadata))

    assert found is not None
    assert found.value(-(2**63)) is None
    assert [str(found.value(number)) for number in (0, 2**31)] == ["1970-01-01", "5881580-07-12"]
    assert all(str(found.value(number)) for number in (2**63 - 1, 1 - 2**63))
