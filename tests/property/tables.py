"""Random tables of every kind that pandas can hold, for hypothesis."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import strategies as st

#: Around the marks that an index keeps (every 25th item), pickle's batches (1,000), and nothing.
SHORT, LONG = [0, 1, 2, 5, 24, 25, 26, 51, 63, 70, 100, 130], [999, 1000, 1001, 1003, 1300, 1777]
LENGTHS = st.sampled_from(SHORT * 2 + LONG)
TEXTS = st.text(max_size=12) | st.sampled_from(
    ["", "é" * 130, "x" * 256, "a" * 300, "ㄱ" * 100, "\ud800", "a\x00b", "같은"]
)
WHOLE = st.integers(-(2**70), 2**70) | st.integers(-300, 300) | st.sampled_from([2**200, -(2**200)])
REAL = st.floats() | st.sampled_from([0.1, -0.0])
ANY_MOMENTS = st.datetimes()
MOMENTS = st.datetimes(dt.datetime(1700, 1, 1), dt.datetime(2200, 1, 1))  # noqa: DTZ001 - naive timestamps are meant
SPANS = st.timedeltas(dt.timedelta(days=-10_000), dt.timedelta(days=10_000))
PLAIN = (
    st.none()
    | st.booleans()
    | WHOLE
    | REAL
    | TEXTS
    | st.binary(max_size=6)
    | MOMENTS
    | ANY_MOMENTS
    | SPANS
    | st.dates()
    | st.times()
    | st.uuids()
    | st.decimals(allow_nan=False)
    | st.decimals(allow_nan=False, allow_infinity=False, places=3)
    | st.complex_numbers(allow_nan=False, allow_infinity=False)
    | MOMENTS.map(pd.Timestamp)
    | MOMENTS.map(lambda moment: pd.Timestamp(moment, tz="Asia/Seoul"))
    | SPANS.map(pd.Timedelta)
    | st.integers(-999, 999).map(lambda n: pd.Timestamp(n))
    | st.just(pd.NaT)
    | st.just(pd.NA)
    | st.integers(0, 9999).map(lambda n: pd.Period(ordinal=n, freq="D"))
    | st.integers(-5, 5).map(lambda n: pd.Interval(n, n + 1))
    | REAL.map(np.float32)
    | st.integers(-128, 127).map(np.int8)
)
FLAT_ARRAYS = st.lists(st.none() | st.booleans() | WHOLE | REAL | TEXTS | st.dates() | MOMENTS, max_size=3).map(
    lambda items: np.array([*items, None], dtype=object)[:-1]
)
ARRAYS = FLAT_ARRAYS | st.builds(
    lambda shape, kind, seed: np.random.default_rng(seed).integers(0, 9, shape).astype(kind),
    st.lists(st.integers(0, 4), min_size=1, max_size=3).map(tuple),
    st.sampled_from(["f4", "f8", "f2", "i1", "u8", ">i4", "?", "c8", "U3", "S2", "M8[s]", "m8[ms]"]),
    st.integers(0, 99),
)
CELLS = st.recursive(
    PLAIN | ARRAYS,
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(TEXTS | st.integers(0, 9), inner, max_size=3)
        | st.frozensets(st.integers(0, 9) | TEXTS, max_size=4)
        | st.sets(st.integers(), max_size=4)
    ),
    max_leaves=6,
)


def objects(cells: list[Any]) -> Any:
    """Return a column of these Python objects, of any types."""
    column = np.empty(len(cells), dtype=object)
    for number, cell in enumerate(cells):
        column[number] = cell
    return pd.Series(column, dtype=object)


@st.composite
def repeated(draw: st.DrawFn, cells: st.SearchStrategy[Any], rows: int) -> list[Any]:
    """Draw ``rows`` cells from a few; equal ones are one object, as in the memo."""
    pool = draw(st.lists(cells, min_size=1, max_size=6))
    step = draw(st.integers(1, 5))
    return [pool[row * step % len(pool)] for row in range(rows)]


@st.composite
def vectors(draw: st.DrawFn, rows: int) -> list[Any]:
    """Draw vectors of one length, some of them missing."""
    length, holes = draw(st.integers(1, 5)), draw(st.integers(2, 400))
    return [None if row % holes == 0 else np.full(length, row, "f4") for row in scattered(draw, rows)]


@st.composite
def skills(draw: st.DrawFn, rows: int) -> list[Any]:
    """Draw lists of words from a vocabulary with more words than the distance of index marks."""
    words = [f"w{number}" for number in range(draw(st.integers(1, 300)))]
    return [[words[(row + place) % len(words)] for place in range(row % 5)] for row in scattered(draw, rows)]


@st.composite
def phrases(draw: st.DrawFn, rows: int) -> Any:
    """Draw mostly different texts, in each way that pandas stores texts."""
    words = draw(st.lists(st.none() | TEXTS.filter(str.isprintable), min_size=1, max_size=8))
    chosen = [(words[row % len(words)], row % 50) for row in scattered(draw, rows)]
    kind = draw(st.sampled_from(["object", "str", "string[python]", "string[pyarrow]"]))
    return pd.Series([None if word is None else word + str(number) for word, number in chosen], dtype=kind)


def scattered(draw: st.DrawFn, rows: int) -> list[int]:
    """Draw one number for each row, in any order."""
    chooser = draw(st.integers(1, 10**6))
    return [chooser * (row + 3) * 2654435761 >> 7 for row in range(rows)]


def _arrow(values: list[Any]) -> Any:
    return pd.array(values, dtype=pd.ArrowDtype(__import__("pyarrow").int32()))


def _zoned(values: pd.Series, zone: str) -> Any:
    return pd.to_datetime(values, unit="s", utc=True).dt.tz_convert(zone)


def _moments(unit: str, zone: str | None, numbers: pd.Series) -> Any:
    moments = pd.to_datetime(numbers % 1000 * 4_000_000 + 10**9, unit="s").dt.as_unit(unit).dt.tz_localize(zone)
    return moments.where(numbers % 7 > 0)


def _plain(kind: str, numbers: pd.Series) -> Any:
    return numbers.to_numpy().astype(kind)


def _with_nulls(kind: str, numbers: pd.Series) -> Any:
    whole = numbers if kind[1] == "8" else numbers / 3
    return whole.astype(kind).where(numbers % 7 > 0)


#: From whole numbers, one a row, to a column of another type; where a number is divisible by 7, null if there is one.
TYPED: dict[str, Callable[[pd.Series], Any]] = {
    **{kind: partial(_plain, kind) for kind in ("int8", "uint16", "int64", ">i2", "bool")},
    **{kind: partial(_with_nulls, kind) for kind in ("float16", "float32", "float64")},
    **{kind: partial(_with_nulls, kind) for kind in ("M8[s]", "M8[ms]", "M8[us]", "M8[ns]", "m8[s]", "m8[ns]")},
    **{
        f"{unit} {zone}": partial(_moments, unit, zone)
        for unit in ("s", "ms", "us", "ns")
        for zone in (None, "UTC", "Asia/Seoul")
    },
    "zone": lambda n: _zoned(n * 3600, "America/New_York"),
    "fixed": lambda n: _zoned(n, "+05:30"),
    "category": lambda n: ("c" + (n % 9).astype(str)).where(n % 7 > 0).astype("category"),
    "number category": lambda n: pd.Categorical(n % 5, ordered=True),
    "cut": lambda n: pd.cut(n, bins=[-(10**9), 0, 50, 10**9]),
    "Int64": lambda n: n.astype("Int64").where(n % 7 > 0),
    "Int32": lambda n: n.astype("Int32").where(n % 3 > 0),
    "UInt8": lambda n: (n % 200).abs().astype("UInt8"),
    "Float32": lambda n: (n / 3).astype("Float32").where(n % 7 > 0),
    "boolean": lambda n: (n % 2 == 0).astype("boolean").where(n % 7 > 0),
    "str": lambda n: n.astype(str).where(n % 7 > 0),
    "python string": lambda n: n.astype("string[python]").where(n % 7 > 0),
    "arrow string": lambda n: n.astype("string[pyarrow]").where(n % 7 > 0),
    "arrow int": lambda n: _arrow([None if number % 7 == 0 else number for number in n]),
    "period": lambda n: pd.PeriodIndex.from_ordinals(n.abs(), freq="M"),
    "interval": lambda n: pd.IntervalIndex.from_arrays(n, n + 1, closed="left"),
    "sparse": lambda n: pd.arrays.SparseArray(n.where(n % 3 == 0, 0), fill_value=0),
    "sparse stretches": lambda n: pd.arrays.SparseArray(n.where(n % 9 > 3, 0), fill_value=0, kind="block"),
    "complex": lambda n: (n * 1j).to_numpy(),
}


@st.composite
def columns(draw: st.DrawFn, rows: int) -> Any:
    """Draw one column."""
    match draw(st.sampled_from(["cells"] * 4 + ["typed"] * 4 + ["vectors", "skills", "phrases"])):
        case "cells":
            return objects(draw(repeated(CELLS, rows)))
        case "vectors":
            return objects(draw(vectors(rows)))
        case "skills":
            return objects(draw(skills(rows)))
        case "phrases":
            return draw(phrases(rows))
    start, step = draw(st.integers(-50, 50)), draw(st.integers(1, 3))
    numbers = pd.Series(np.arange(start, start + rows * step, step), dtype="int64")
    return TYPED[draw(st.sampled_from(sorted(TYPED)))](numbers)


@st.composite
def indexes(draw: st.DrawFn, rows: int) -> pd.Index:
    """Draw row labels."""
    numbers = pd.RangeIndex(rows)
    kinds: dict[str, Callable[[], pd.Index]] = {
        "default": lambda: numbers,
        "shifted": lambda: pd.RangeIndex(3, 3 + rows, name="n"),
        "backwards": lambda: pd.RangeIndex(rows, 0, -1),
        "whole": lambda: pd.Index(np.arange(rows) * 2, name="index"),
        "text": lambda: pd.Index([f"k{number % 9}" for number in range(rows)], name="c0"),
        "days": lambda: pd.date_range("2020-01-01", periods=rows, tz="Asia/Seoul"),
        "spans": lambda: pd.to_timedelta(np.arange(rows), unit="h"),
        "periods": lambda: pd.period_range("2020-01", periods=rows, freq="M", name=7),
        "categories": lambda: pd.CategoricalIndex([f"c{number % 3}" for number in range(rows)]),
        "two levels": lambda: pd.MultiIndex.from_arrays([np.arange(rows) % 3, np.arange(rows)], names=["a", None]),
    }
    return kinds[draw(st.sampled_from(sorted(kinds)))]()


LABELS = st.sampled_from(["c0", "c1", "a", "index", "level_1", "a.1", 0, 1, 2.5, None, ("a", 1), True]) | TEXTS


@st.composite
def frames(draw: st.DrawFn) -> pd.DataFrame:
    """Draw a frame, perhaps sliced, transposed or concatenated."""
    rows = draw(LENGTHS)
    made = [draw(columns(rows)) for _ in range(draw(st.integers(0, 4)))]
    made += made[:1] if draw(st.booleans()) else []  # the same objects once more
    frame = pd.DataFrame(dict(enumerate(made)), index=pd.RangeIndex(rows))
    labels = draw(st.lists(LABELS, min_size=len(made), max_size=len(made)))
    frame.columns = pd.Index(labels, dtype=object, tupleize_cols=False)
    frame.index = draw(indexes(rows))
    shapes: dict[str, Callable[[], pd.DataFrame]] = {
        "as it is": lambda: frame,
        "every second": lambda: frame.iloc[::2],
        "backwards": lambda: frame.iloc[::-1],
        "middle": lambda: frame.iloc[rows // 4 : rows // 2],
        "twice": lambda: pd.concat([frame, frame]),
        "columns backwards": lambda: frame.iloc[:, ::-1],
        "fewer columns": lambda: frame.iloc[:, :2].copy(),
        "turned": lambda: frame.iloc[:20].T,
    }
    return shapes[draw(st.sampled_from(sorted(shapes)))]()


RECORDS = st.lists(st.dictionaries(TEXTS | st.integers(0, 3), CELLS, max_size=4), min_size=1, max_size=6).flatmap(
    lambda pool: st.builds(
        lambda rows, named: [pool[row % len(pool)] | ({"n": row} if named else {}) for row in range(rows)],
        LENGTHS.filter(bool),
        st.booleans(),
    )
)


def sequences(cells: list[Any]) -> st.SearchStrategy[Any]:
    """Return a strategy for ``cells`` as each type that a column in a dict may have."""
    kinds: list[Callable[[list[Any]], Any]] = [list, tuple, objects]
    return st.sampled_from(kinds).map(lambda kind: kind(cells))


@st.composite
def containers(draw: st.DrawFn) -> Any:
    """Draw a frame, a series, or one of the containers of plain Python objects."""
    kind = draw(st.sampled_from(["frame"] * 5 + ["records"] * 2 + ["series", "wrapped", "dict of columns"]))
    if kind == "frame":
        return draw(frames())
    if kind == "wrapped":
        return {"metadata": {"n": 1}, "data_frame": draw(frames())}
    if kind == "records":
        return draw(RECORDS)
    rows = draw(LENGTHS)
    if kind == "series":
        return pd.Series(draw(columns(rows)), index=pd.RangeIndex(rows), name=draw(LABELS)).set_axis(
            draw(indexes(rows))
        )
    names = draw(st.lists(TEXTS, min_size=1, max_size=3, unique=True))
    return {name: draw(repeated(CELLS, rows).flatmap(sequences)) for name in names}
