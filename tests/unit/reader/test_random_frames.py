"""Random frames come back equal to what pandas reads, at every protocol and chunk size."""

from __future__ import annotations

import datetime as dt
import decimal
import importlib
import io
import pickle
import tempfile
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.unit.reader.reading import read_bytes

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(["a" * 300, "ㄱ" * 100, "x"])
numbers = st.integers(-(2**70), 2**70) | st.floats(width=64) | st.booleans() | st.none()
moments = st.datetimes()
scalars: st.SearchStrategy[Any] = (
    texts | numbers | moments | st.binary(max_size=9) | st.uuids() | st.dates() | st.times()
)
scalars |= st.decimals(allow_nan=False, allow_infinity=False, places=3).map(lambda d: decimal.Decimal(str(d)))
arrays = st.builds(
    lambda n, kind: np.arange(n).astype(kind), st.integers(0, 6), st.sampled_from(["f4", "f8", "i2", "u1", ">f4"])
)
cells = st.recursive(
    scalars | arrays,
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.tuples(inner, inner)
        | st.dictionaries(texts, inner, max_size=3)
        | st.lists(inner.filter(lambda cell: not isinstance(cell, np.ndarray)), max_size=3).map(
            lambda items: np.array([*items, None], dtype=object)[:-1] if all(map(_flat, items)) else items
        )
    ),
    max_leaves=8,
)


def _flat(item: Any) -> bool:
    return not isinstance(item, list | tuple | dict | np.ndarray)


@st.composite
def columns(draw: st.DrawFn, rows: int) -> Any:
    """One column: cells drawn from a small pool, shared or copied, or a typed array."""
    kind = draw(
        st.sampled_from(["objects", "text", "vectors", "lists", "int", "float", "moment", "category", "nullable"])
    )
    chooser = draw(st.integers(1, 10**6))
    order = [(chooser * (row + 3) * 2654435761 >> 7) for row in range(rows)]
    if kind == "objects":
        pool = draw(st.lists(cells, min_size=1, max_size=8))
        return pd.Series([pool[number % len(pool)] for number in order], dtype=object)
    if kind == "text":
        words: list[str | None] = draw(st.lists(texts | st.none(), min_size=1, max_size=8))
        made = [None if (t := words[n % len(words)]) is None else t + str(n % 50) for n in order]
        return pd.Series(made, dtype=draw(st.sampled_from(["object", "str", "string[python]", "string[pyarrow]"])))
    if kind == "vectors":
        length = draw(st.integers(1, 5))
        holes = draw(st.integers(2, 400))
        return pd.Series([None if n % holes == 0 else np.full(length, n, "f4") for n in order], dtype=object)
    if kind == "lists":
        skills = [f"w{number}" for number in range(draw(st.integers(1, 300)))]
        return pd.Series([[skills[(n + k) % len(skills)] for k in range(n % 5)] for n in order], dtype=object)
    return _typed(kind, order, draw)


def _typed(kind: str, order: list[int], draw: st.DrawFn) -> Any:
    values = pd.Series(order, dtype="int64") % 1000
    if kind == "float":
        return (values / 7).where(values % 5 != 0)
    if kind == "moment":
        zone = draw(st.sampled_from([None, "UTC", "Asia/Seoul"]))
        unit = draw(st.sampled_from(["s", "ms", "us", "ns"]))
        return (
            pd.to_datetime(values * 4 * 10**6 + 10**9, unit="s")
            .dt.as_unit(unit)
            .dt.tz_localize(zone)
            .where(values % 7 != 0)
        )
    if kind == "category":
        return values.astype(str).astype("category")
    return (
        values.astype(draw(st.sampled_from(["int64", "int8", "uint16"])))
        if kind == "int"
        else values.astype("Int32").where(values % 3 != 0)
    )


@st.composite
def frames(draw: st.DrawFn) -> pd.DataFrame:
    rows = draw(st.sampled_from([0, 1, 2, 24, 25, 26, 63, 130, 999, 1000, 1001, 1777]))
    count = draw(st.integers(1, 5))
    frame = pd.DataFrame({f"c{number}": draw(columns(rows)) for number in range(count)})
    if draw(st.booleans()):
        frame["again"] = frame["c0"]
    if draw(st.booleans()) and rows:
        frame = frame.iloc[:: draw(st.sampled_from([1, -1, 2]))]
    return frame


def first_difference(found: list[dict[str, Any]], expected: list[dict[str, Any]]) -> Any:
    """The first row that differs, short enough to be read; None if none does."""
    if len(found) != len(expected):
        return f"{len(found)} rows instead of {len(expected)}"
    for number, (ours, theirs) in enumerate(zip(found, expected, strict=True)):
        if ours != theirs:
            return number, {
                key: (ours.get(key), theirs.get(key)) for key in ours | theirs if ours.get(key) != theirs.get(key)
            }
    return None


def table(value: Any) -> list[dict[str, Any]]:
    """The rows that pandas gives, by the script that writes the golden files."""
    script: Any = importlib.import_module("tests.golden.write_frames")  # untyped: it also runs on old interpreters
    rows: list[dict[str, Any]] = script.table(value)
    return rows


#: Few enough for every run.
FEW = settings(
    max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.explicit, Phase.generate]
)


@FEW
@given(frame=frames(), protocol=st.integers(0, 5), chunk=st.sampled_from([1, 7, 300, 5000]))
def test_a_random_frame_reads_as_pandas_reads_it(frame: pd.DataFrame, protocol: int, chunk: int) -> None:
    data = pickle.dumps(frame, protocol=protocol)
    expected = table(pd.read_pickle(io.BytesIO(data)))

    with tempfile.TemporaryDirectory() as folder:
        rows = read_bytes(data, Path(folder), chunk=chunk if len(frame) < 70 else max(chunk, 97))

    assert first_difference(rows, expected) is None


@FEW
@given(
    pool=st.lists(st.dictionaries(texts, cells, max_size=4), min_size=1, max_size=6),
    count=st.sampled_from([1, 2, 26, 70, 1003]),
    protocol=st.integers(0, 5),
)
def test_a_random_list_of_dicts_keeps_each_rows_own_keys(pool: list[dict[str, Any]], count: int, protocol: int) -> None:
    value = [pool[number % len(pool)] | {"n": number} for number in range(count)]

    with tempfile.TemporaryDirectory() as folder:
        rows = read_bytes(pickle.dumps(value, protocol=protocol), Path(folder))

    assert first_difference(rows, table(value)) is None


@pytest.mark.parametrize("protocol", range(6))
def test_a_stream_of_pickled_dicts_is_one_table(protocol: int, tmp_path: Path) -> None:
    value = [
        {"id": str(uuid.UUID(int=number)), "v": [number * 0.5] * 3, "d": dt.date(2020, 1, 1)} for number in range(200)
    ]

    rows = read_bytes(b"".join(pickle.dumps(row, protocol=protocol) for row in value), tmp_path)

    assert rows == table(value)
