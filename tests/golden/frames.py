"""Writes one small pickle for each kind of frame, with the rows that its writer reads.

    python tests/golden/frames.py TARGET.tar.xz

Runs under the pandas whose files it is to write. In the archive: ``CASE.pN.pkl`` (N = protocol) and ``CASE.jsonl``.
"""

from __future__ import annotations

import datetime as dt
import decimal
import pickle
import sys
import uuid
from pathlib import Path

import generate
import normal_form
import numpy as np
import pandas as pd


def frames():
    n = 7
    texts = [
        "2021-07-01",
        "2020-02-29 12:34:56",
        "1969-12-31 23:59:59.999",
        None,
        "2262-01-01",
        "1800-01-01",
        "2000-01-01",
    ]
    moments = pd.DatetimeIndex([pd.NaT if text is None else pd.Timestamp(text) for text in texts])
    nano = pd.to_datetime([1, 1_000_000_001, 999, 1000, 0, -1, 10**18])
    yield (
        "plain",
        pd.DataFrame(
            {
                "i": range(n),
                "f": np.linspace(-1, 1, n),
                "b": [True, False] * 3 + [True],
                "s": list("abcdefg"),
                "d": moments,
            }
        ),
    )
    yield (
        "numbers",
        pd.DataFrame(
            {
                k: np.arange(n).astype(k)
                for k in ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "c16", ">i4", ">f8")
            }
        ),
    )
    yield (
        "nonfinite",
        pd.DataFrame(
            {
                "f": [1.5, np.nan, np.inf, -np.inf, 0.0, -0.0, 1e300],
                "g": np.array([0.1, np.nan, np.inf, -np.inf, 0, 1, 2], dtype="f4"),
            }
        ),
    )
    yield (
        "objects",
        pd.DataFrame(
            {
                "o": pd.Series([None, "x", 1, 2.5, True, b"\x00\xff", np.nan], dtype=object),
                "big": pd.Series([10**30, -(10**30), 2**63, -(2**63) - 1, 0, 1, 255], dtype=object),
            }
        ),
    )
    yield (
        "cells",
        pd.DataFrame(
            {
                "list": [[1, "a", None], [], ["x"], [[1], [2]], [1.5], ["ㄱ"], ["\U0001f600"]],
                "tuple": [(1, 2), (), ("a",), (1, (2, 3)), (None,), (True,), (1.0, 2.0)],
                "dict": [{"a": 1}, {}, {"b": {"c": [1]}}, {1: 2}, {"x": None}, {"y": "z"}, {"k": (1, 2)}],
                "set": [{1, 2}, {3}, {"a", "b"}, set(), frozenset({1}), {1.5}, {"q"}],
            }
        ),
    )
    yield (
        "vectors",
        pd.DataFrame(
            {
                "v": [np.arange(5, dtype="f4") + i for i in range(n)],
                "w": [np.arange(i, dtype="f8") for i in range(n)],
                "t": [np.array(["a", "bb"]) for _ in range(n)],
                "o": [np.array(["x", None], dtype=object) for _ in range(n)],
                "m": [np.asfortranarray(np.arange(6).reshape(2, 3)) for _ in range(n)],
            }
        ),
    )
    yield (
        "standard",
        pd.DataFrame(
            {
                "date": [dt.date(2020, 1, i + 1) for i in range(n)],
                "time": [dt.time(1, 2, i) for i in range(n)],
                "decimal": [decimal.Decimal("1.50") * i for i in range(n)],
                "uuid": [uuid.UUID(int=i) for i in range(n)],
                "delta": pd.Series([dt.timedelta(days=-1, seconds=i) for i in range(n)], dtype=object),
                "moment": pd.Series(
                    [dt.datetime(2020, 1, 1, i, tzinfo=dt.timezone.utc) for i in range(n)], dtype=object
                ),
                "stamp": pd.Series([pd.Timestamp("2020-01-01 00:00:00.000000001", tz="Asia/Seoul")] * n, dtype=object),
                "span": pd.Series([pd.Timedelta(i, "ns") for i in range(n)], dtype=object),
                "period": pd.Series([pd.Period("2020-01", "M") + i for i in range(n)], dtype=object),
                "interval": pd.Series([pd.Interval(i, i + 1, closed="left") for i in range(n)], dtype=object),
                "complex": pd.Series([complex(i, -i) for i in range(n)], dtype=object),
                "nat": pd.Series([pd.NaT, pd.NA, None, np.nan, 1, "a", 2.0], dtype=object),
                "numpy": pd.Series(
                    [
                        np.float32(1.5),
                        np.int8(3),
                        np.str_("s"),
                        np.bool_(True),
                        np.datetime64("2020-01-01"),
                        np.timedelta64(5, "s"),
                        np.float64("nan"),
                    ],
                    dtype=object,
                ),
            }
        ),
    )
    yield (
        "moments",
        pd.DataFrame(
            {
                "nano": nano,
                "utc": pd.to_datetime(nano, utc=True),
                "seoul": moments.where(moments.year != 1800).tz_localize("Asia/Seoul"),
                "york": pd.date_range(
                    "2021-03-13 23:00", periods=n, freq="4h" if pd.__version__ >= "2.2" else "4H", tz="America/New_York"
                ),
                "delta": pd.to_timedelta([0, 1, -1, 10**15, None, 86400 * 10**9, 999]),
                "offset": moments.tz_localize(dt.timezone(dt.timedelta(hours=5, minutes=30))),
            }
        ),
    )
    yield (
        "categories",
        pd.DataFrame(
            {
                "c": pd.Categorical(["a", "b", None, "a", "c", "b", "a"]),
                "o": pd.Categorical([3, 1, 2, 3, 1, 2, 3], categories=[3, 2, 1], ordered=True),
                "d": pd.Categorical(moments.fillna(pd.Timestamp("2020-01-01"))),
            }
        ),
    )
    yield (
        "nullable",
        pd.DataFrame(
            {
                "i": pd.array([1, None, 3, 4, 5, 6, 7], dtype="Int64"),
                "u": pd.array([1, None, 3, 4, 5, 6, 7], dtype="UInt8"),
                "f": pd.array([1.5, None, 3, 4, 5, 6, 7], dtype="Float64"),
                "b": pd.array([True, None, False, True, None, True, True], dtype="boolean"),
                "s": pd.array(["a", None, "ㄱ", "", "e", "f", "g"], dtype="string[python]"),
            }
        ),
    )
    yield (
        "period_interval",
        pd.DataFrame(
            {
                "p": pd.period_range("2020Q1", periods=n, freq="Q"),
                "d": pd.period_range("2020-01-01", periods=n, freq="D"),
                "w": pd.period_range("2020-01-01", periods=n, freq="W-WED"),
                "i": pd.interval_range(0, n),
                "j": pd.IntervalIndex.from_breaks(pd.date_range("2020-01-01 01:00", periods=n + 1), closed="both"),
            }
        ),
    )
    yield (
        "sparse",
        pd.DataFrame(
            {
                "s": pd.arrays.SparseArray([0, 0, 5, 0, 0, 7, 0]),
                "t": pd.arrays.SparseArray([np.nan, 1.5, np.nan, np.nan, np.nan, np.nan, 2.5]),
            }
        ),
    )
    x = {"x": list(range(n))}
    indexes = {
        "text": pd.Index(list("gfedcba"), name="key"),
        "int": pd.Index([9, 8, 7, 6, 5, 4, 3]),
        "float": pd.Index([0.5 * i for i in range(n)], name="x"),
        "uint": pd.Index(np.arange(n, dtype="u8"), name="u"),
        "date": pd.date_range("2020", periods=n, freq="D"),
        "tz": pd.date_range("2020", periods=n, freq="D", tz="UTC", name="when"),
        "delta": pd.timedelta_range(0, periods=n, freq="D"),
        "period": pd.period_range("2020", periods=n, freq="M"),
        "interval": pd.interval_range(0, n),
        "category": pd.CategoricalIndex(list("aabbcca")),
        "range": pd.RangeIndex(2, 2 + 3 * n, 3, name="r"),
        "multi": pd.MultiIndex.from_product([["a"], range(n)]),
        "multi_named": pd.MultiIndex.from_arrays(
            [list("abcdefg"), pd.date_range("2020", periods=n)], names=["k", None]
        ),
        "bool": pd.Index([True, False] * 3 + [True]),
        "mixed": pd.Index(["a", 1, 2.5, None, (1, 2), "b", True], dtype=object),
    }
    for name, index in indexes.items():
        yield "index_" + name, pd.DataFrame(x, index=index)
    yield (
        "columns_multi",
        pd.DataFrame(np.arange(n * 2).reshape(n, 2), columns=pd.MultiIndex.from_tuples([("a", 1), ("b", 2)])),
    )
    yield "columns_int", pd.DataFrame(np.arange(n * 2).reshape(n, 2))
    yield (
        "columns_repeated",
        pd.DataFrame(
            np.arange(n * 4).reshape(n, 4), columns=["a", "a", "a.1", "index"], index=pd.Index(range(1, n + 1))
        ),
    )
    yield "columns_dates", pd.DataFrame(np.arange(n * 2).reshape(n, 2), columns=pd.date_range("2020", periods=2))
    wide = pd.DataFrame({"a": range(20), "b": [str(i) for i in range(20)], "c": np.arange(20) * 0.5})
    yield "sliced", wide.iloc[3:17:2]
    yield "rows_shuffled", wide.sample(frac=1, random_state=1)
    yield "transposed", pd.DataFrame(np.arange(12).reshape(3, 4)).T
    yield "fortran", pd.DataFrame(np.asfortranarray(np.arange(12.0).reshape(4, 3)), columns=list("abc"))
    yield "objects_transposed", pd.DataFrame(np.array([["a", 1], ["b", None], [3, "c"]], dtype=object)).T
    fragmented = pd.DataFrame({"a": range(n)})
    for number in range(5):
        fragmented["c%d" % number] = [number * 0.5] * n
        fragmented["s%d" % number] = ["t%d" % number] * n
    yield "fragmented", fragmented
    shared = ["same", [1, 2], np.arange(3, dtype="f4")]
    yield (
        "shared",
        pd.DataFrame({"a": pd.Series([shared[0]] * n, dtype=object), "b": [shared[1]] * n, "c": [shared[2]] * n}),
    )
    yield "empty_rows", wide.iloc[:0]
    yield "empty", pd.DataFrame()
    yield "no_columns", pd.DataFrame(index=range(3))
    long = pd.DataFrame(
        {
            "t": pd.Series(["row %d" % i for i in range(1300)], dtype=object),
            "k": pd.Series(["abc"[i % 3] for i in range(1300)], dtype=object),
            "l": [["x", "y%d" % (i % 5)][: i % 3] for i in range(1300)],
            "v": [np.full(4, i, dtype="f4") for i in range(1300)],
            "n": np.arange(1300),
        }
    )
    long["t2"] = long["t"]
    long["v2"] = long["v"]
    yield "long", long
    yield "series", pd.Series([1.5, None, 2.5], name="s")
    yield "series_unnamed", pd.Series(["a", "b"], index=[5, 6])
    yield (
        "dict_data_frame",
        {
            "data_frame": wide,
            "skill_embeddings": np.ones((4, 3), dtype="f4"),
            "metadata": {
                "rows": 20,
                "labels": [str(i) for i in range(70)],
                "pair": ([str(i) for i in range(70)], (1, 2)),
            },
        },
    )
    yield (
        "dict_columns",
        {
            "a": [1, 2, 3],
            "b": np.array([1.5, 2.5, 3.5]),
            "c": ("x", "y", "z"),
            "s": pd.Series(["p", "q", "r"]),
            "m": np.arange(6).reshape(3, 2),
        },
    )
    yield (
        "list_dicts",
        [{"a": i, "b": "t%d" % i, "v": [0.5 * i] * 3, **({"extra": True} if i % 3 == 0 else {})} for i in range(100)],
    )
    yield from arrow_frames(n)


def arrow_frames(n):
    try:
        import pyarrow as pa
    except ImportError:
        return
    yield (
        "arrow_text",
        pd.DataFrame({"s": pd.array(["a", None, "ㄱㄴ", "", "e", "f", "g"], dtype="string[pyarrow]")}).iloc[1:],
    )
    types = {
        "i": (pa.int32(), [1, None, 3, 4, 5, 6, 7]),
        "f": (pa.float64(), [1.5, None, 3.0, 4.0, 5.0, 6.0, 7.0]),
        "b": (pa.bool_(), [True, None, False, True, True, False, None]),
        "ts": (pa.timestamp("ns"), [1, None, 1000, 10**18, 5, 6, 7]),
        "tz": (pa.timestamp("us", tz="Asia/Seoul"), [1, None, 3, 4, 5, 6, 7]),
        "d": (pa.date32(), [dt.date(2020, 1, 1), None] + [dt.date(2021, 1, 1)] * 5),
        "dec": (pa.decimal128(10, 2), [decimal.Decimal("1.50"), None] + [decimal.Decimal("2.25")] * 5),
        "bin": (pa.binary(), [b"a", None, b"", b"\x00", b"x", b"y", b"z"]),
        "li": (pa.list_(pa.int64()), [[1, 2], None, [], [3], [4], [5], [6]]),
        "ls": (pa.list_(pa.string()), [["a"], None, [], ["b", None], ["c"], ["d"], ["e"]]),
        "st": (
            pa.struct([("a", pa.int64()), ("b", pa.string())]),
            [{"a": 1, "b": "x"}, None] + [{"a": 2, "b": None}] * 5,
        ),
        "di": (pa.dictionary(pa.int32(), pa.string()), ["a", None, "b", "a", "b", "a", "c"]),
        "t": (pa.time64("us"), [dt.time(1, 2, 3), None] + [dt.time(4)] * 5),
        "dur": (pa.duration("ms"), [1, None, 3, 4, 5, 6, 7]),
    }
    frame = (
        pd.DataFrame(
            {
                key: pd.array(pa.array(values, type=kind), dtype=pd.ArrowDtype(kind))
                for key, (kind, values) in types.items()
            }
        )
        if hasattr(pd, "ArrowDtype")
        else None
    )
    if frame is not None:
        yield "arrow_types", frame
        yield "arrow_sliced", frame.iloc[2:6]
        yield "arrow_chunks", pd.concat([frame[["i", "li", "ls"]]] * 3, ignore_index=True)


#: Those whose layout differs most by protocol.
IN_OLD_PROTOCOLS = ("plain", "objects", "cells", "vectors", "standard", "long", "moments")


def main():
    members = {}
    for name, value in frames():
        for protocol in (0, 2, 5) if name in IN_OLD_PROTOCOLS else (4, 5):
            data = pickle.dumps(value, protocol)
            members["%s.p%d.pkl" % (name, protocol)] = data
        members[name + ".jsonl"] = generate.lines(normal_form.rows_of(pickle.loads(data)))
    generate.save(Path(sys.argv[1]), members)


if __name__ == "__main__":
    main()
