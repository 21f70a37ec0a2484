"""Values of one cell of a column of Python objects."""

from __future__ import annotations

import collections
import datetime as dt
import decimal
import uuid

import numpy as np
import pandas as pd

SEOUL = dt.timezone(dt.timedelta(hours=9))


def cases():
    """Return all cases of cells by name; each also exists as a list of dicts."""
    columns = {"cells_" + name: cells for name, cells in kinds().items()}
    found = {name: frame_of(cells) for name, cells in columns.items()}
    found["cells_in_dicts"] = [{"c": cell, "kind": name} for name, cells in columns.items() for cell in cells]
    found["cells_all_mixed"] = frame_of([cell for cells in columns.values() for cell in cells])
    return found


def frame_of(cells):
    column = np.empty(len(cells), dtype=object)
    for number, cell in enumerate(cells):
        column[number] = cell
    return pd.DataFrame({"c": pd.Series(column, dtype=object), "n": range(len(cells))})


def kinds():
    """Return cells by kind."""
    return dict(plain(), **dict(arrays(), **dict(clocks(), **nested())))


def plain():
    return {
        "nulls": [None, np.nan, float("nan"), pd.NaT, pd.NA, "not null"],
        "texts": [
            "",
            "plain",
            "한국어",
            "\U0001f600 astral",
            "é" * 200,
            "x" * 300,
            "a\x00b",
            "line\nbreak\\u0041",
            "'\"",
        ],
        "surrogates": ["\ud800", "a\udfffb"],
        "whole": [0, 1, -1, 255, 256, 65535, 65536, 2**31 - 1, -(2**31), 2**31, 2**63, -(2**63) - 1, 10**40, -(10**40)],
        "huge": [2**2000, -(2**2000) + 1],
        "real": [0.0, -0.0, 1.5, 1e300, 5e-324, float("inf"), float("-inf"), 0.1],
        "flags": [True, False, None, 1, 0],
        "bytes": [b"", b"abc", bytes(range(256)), bytearray(b"mutable"), bytearray()],
        "decimals": [
            decimal.Decimal("1.10"),
            decimal.Decimal("-1E+30"),
            decimal.Decimal("NaN"),
            decimal.Decimal("Infinity"),
        ],
        "uuids": [uuid.UUID(int=5), uuid.UUID("12345678-1234-5678-1234-567812345678"), None],
        "complex": [1 + 2j, -0.5j, complex(3, 0), np.complex64(1.5 + 1j)],
        "scalars": [
            np.int8(-5),
            np.uint8(200),
            np.int32(7),
            np.uint64(2**64 - 1),
            np.float16(0.1),
            np.float32(0.1),
            np.float64(0.1),
            np.float32("nan"),
            np.float64("inf"),
            np.bool_(True),
            np.str_("np"),
            np.bytes_(b"np"),
        ],
    }


def arrays():
    square = np.arange(6, dtype=np.float32).reshape(2, 3)
    return {
        "vectors": [np.arange(n, n + 3, dtype=np.float32) / 3 for n in range(5)],
        "vectors_ragged": [np.arange(n, dtype=np.float64) for n in range(4)] + [None],
        "arrays_of_kinds": [np.arange(3, dtype=kind) for kind in "bBhHiIlLqQefd"],
        "arrays_bool_text": [
            np.array([True, False]),
            np.array(["a", "bcd"]),
            np.array([b"a", b"bcd"]),
            np.array(["é", ""]),
            np.array([1 + 2j]),
            np.array([np.nan, np.inf, -np.inf]),
            np.array([], dtype=np.float32),
        ],
        "arrays_of_objects": [
            np.array(["a", None, 3], dtype=object),
            np.array([], dtype=object),
            np.array([[1, "x"], [None, 2.5]], dtype=object),
            np.array([{"k": 1}, [1, 2]], dtype=object),
        ],
        "arrays_shaped": [
            square,
            np.asfortranarray(square),
            square[:, ::2],
            square.T,
            square[::-1],
            np.zeros((0, 3)),
            np.zeros((2, 2, 2)),
        ],
        "arrays_order": [np.arange(3, dtype=">i4"), np.arange(3, dtype=">f8"), np.arange(8)[::3]],
        "arrays_without_shape": [np.array(5), np.array(2.5, dtype=np.float32), np.array("text")],
        "arrays_of_moments": [
            np.array(["2020-01-01T01:02:03", "NaT"], dtype="datetime64[s]"),
            np.array(["2020-01-01"], dtype="datetime64[D]"),
            np.array(["2020-01-01T00:00:00.000000001"], dtype="datetime64[ns]"),
            np.array([5, 7], dtype="timedelta64[ms]"),
        ],
        "arrays_structured": [
            np.array([(1, 2.5, b"ab"), (3, 4.5, b"")], dtype=[("i", "<i4"), ("f", "<f8"), ("s", "S2")])
        ],
    }


def clocks():
    return {
        "python_moments": [
            dt.datetime(2020, 1, 2),
            dt.datetime(2020, 1, 2, 3, 4, 5, 6),
            dt.datetime(2020, 1, 2, tzinfo=dt.timezone.utc),
            dt.datetime(2020, 1, 2, 3, tzinfo=SEOUL),
            dt.datetime(1, 1, 1),
            dt.datetime(9999, 12, 31, 23, 59, 59, 999999),
            dt.datetime(2020, 10, 25, 2, 30, fold=1),
        ],
        "python_dates": [dt.date(2020, 2, 29), dt.date(1, 1, 1), dt.date(9999, 12, 31)],
        "python_times": [dt.time(1, 2), dt.time(23, 59, 59, 999999), dt.time(12, tzinfo=SEOUL), dt.time(0)],
        "python_spans": [
            dt.timedelta(0),
            dt.timedelta(days=-1, seconds=5),
            dt.timedelta(microseconds=1),
            dt.timedelta(days=400, hours=5),
        ],
        "moments": [
            pd.Timestamp("2020-01-02"),
            pd.Timestamp("2020-01-02 03:04:05.123456789"),
            pd.Timestamp(0, tz="UTC"),
            pd.Timestamp("2020-07-01 12:00", tz="America/New_York"),
            pd.Timestamp("1969-12-31 23:59:59.999999999"),
            pd.Timestamp("2020-07-01 12:00:00.5+05:30"),
            pd.Timestamp.min,
            pd.Timestamp.max,
            pd.NaT,
        ],
        "spans": [
            pd.Timedelta(0),
            pd.Timedelta(1, "ns"),
            pd.Timedelta(-1, "ns"),
            pd.Timedelta("5 days 01:02:03.5"),
            pd.Timedelta.max,
            pd.Timedelta(days=-3, microseconds=7),
        ],
        "numpy_moments": [
            np.datetime64("2020-01-01"),
            np.datetime64("2020-01-01T01:02:03.004"),
            np.datetime64("NaT"),
            np.timedelta64(5, "s"),
            np.timedelta64(-7, "ns"),
            np.timedelta64("NaT"),
            np.datetime64("2020-01", "M"),
        ],
        "periods": [
            pd.Period("2020-01", "M"),
            pd.Period("2020-01-05", "D"),
            pd.Period("2020Q3"),
            pd.Period("2020", "Y" if pd.__version__ > "2.2" else "A"),
            pd.Period("2020-01-01 05:00", "h"),
            pd.Period("2020-01-06", "W"),
            pd.NaT,
        ],
        "intervals": [
            pd.Interval(0, 1),
            pd.Interval(0.5, 2.25, "left"),
            pd.Interval(1, 2, "both"),
            pd.Interval(1, 2, "neither"),
            pd.Interval(pd.Timestamp("2020-01-01"), pd.Timestamp("2020-02-01 05:00")),
            pd.Interval(pd.Timedelta(1, "D"), pd.Timedelta(2, "D")),
        ],
    }


def nested():
    deep = ["bottom"]
    for _ in range(20):
        deep = [deep]
    many = collections.defaultdict(list)
    many["a"].append(1)
    return {
        "lists": [[], [1], [1.5, None, "x"], [[1], [2, [3]]], list(range(300)), deep],
        "tuples": [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), ("a", ("b", [None]))],
        "sets": [set(), {3, 1, 2}, frozenset(["b", "a"]), {"x", 1, None}, {(1, 2), "t"}, {1.5, -2}],
        "dicts": [
            {},
            {"a": 1},
            {"a": {"b": [1, {"c": None}]}},
            {2: "x", 2.5: "y", None: "z", True: "t"},
            {(1, "a"): 2},
            {str(n): n for n in range(40)},
        ],
        "ordered_dicts": [collections.OrderedDict(b=1, a=[2]), many, collections.OrderedDict()],
        "nested_values": [
            [dt.date(2020, 1, 1), decimal.Decimal("0.10")],
            {"v": np.arange(2, dtype=np.float32)},
            (np.float32(0.5), uuid.UUID(int=1)),
        ],
        "lists_of_floats": [[0.1, 0.2, float(n)] for n in range(4)],
    }
