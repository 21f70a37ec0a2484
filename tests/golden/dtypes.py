"""Columns of every column type of numpy, pandas and Arrow."""

from __future__ import annotations

import datetime as dt
import decimal

import dateutil.tz
import numpy as np
import pandas as pd
import pytz

PANDAS = tuple(int(part) for part in pd.__version__.split(".")[:2])


def cases():
    """Return all cases of column types by name."""
    found = {}
    for family in (numbers, clocks, zones, categories, nullable, texts, arrow, others):
        found.update(family())
    return found


def frame(**columns):
    return pd.DataFrame(columns)


def moments(*texts):
    """Return an index of timestamps; None = NaT."""
    return pd.DatetimeIndex([pd.NaT if text is None else pd.Timestamp(text) for text in texts])


def numbers():
    kinds = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
    limits = {kind: np.array([np.iinfo(kind).min, 0, np.iinfo(kind).max], dtype=kind) for kind in kinds}
    odd = [0.1, np.nan, np.inf, -np.inf, -0.0]
    return {
        "numbers_whole": frame(**limits),
        "numbers_real": frame(**{kind: np.array(odd, dtype=kind) for kind in ("float16", "float32", "float64")}),
        "numbers_long": frame(g=np.array([0.5, np.nan, 3.0], dtype=np.longdouble)),
        "numbers_complex": frame(
            c8=np.array([1 + 2j, 0, -1j], np.complex64), c16=np.array([0.1j, 2, 3], np.complex128)
        ),
        "numbers_bool": frame(b=[True, False, True]),
        "numbers_series": pd.Series(np.arange(5, dtype=np.float32)),
    }


def clocks():
    days = moments("2020-01-01", None, "2020-05-05 01:02:03.004005006", "1700-01-01", "1969-12-31 23:59:59.999999999")
    found = {
        "moments_ns": frame(m=days),
        "moments_whole_seconds": frame(m=pd.date_range("2021-01-01", periods=4, freq="s")),
        "spans_ns": frame(s=pd.to_timedelta(pd.Series([0, 1, -1, 10**15, 86_400_000_000_000, None]), unit="ns")),
        "moments_all_null": frame(m=pd.to_datetime(pd.Series([None, None]))),
        "moments_two_columns": frame(
            a=pd.to_datetime(["2020-01-01", None]), b=pd.to_datetime(["2021-01-01", "2022-02-02"])
        ),
    }
    if PANDAS >= (2, 0):
        for unit in ("s", "ms", "us"):
            column = np.array(["2020-01-01T01:02:03", "NaT", "1969-07-20T20:17:40"], dtype="datetime64[%s]" % unit)
            spans = np.array([5, "NaT", -90_061], dtype="timedelta64[%s]" % unit)
            found["moments_" + unit] = frame(m=column, s=spans)
        far = np.array(["0001-01-01", "9999-12-31T23:59:59", "12000-01-01", "-0044-03-15"], dtype="datetime64[s]")
        found["moments_far"] = frame(m=far[:2])
        found["moments_far_zone"] = pd.Series(far[1:2]).dt.tz_localize("UTC").to_frame("m")
    return found


def zones():
    hours = pd.date_range("2020-10-24 23:00", periods=5, freq="h", tz="UTC").insert(2, pd.NaT)
    named = {
        "utc": "UTC",
        "python_utc": dt.timezone.utc,
        "python_fixed": dt.timezone(dt.timedelta(hours=-3, minutes=-30)),
        "text_fixed": "+05:30",
        "berlin": "Europe/Berlin",
        "pytz_utc": pytz.utc,
        "pytz": pytz.timezone("America/New_York"),
        "pytz_fixed": pytz.FixedOffset(90),
        "dateutil_utc": dateutil.tz.tzutc(),
        "dateutil_fixed": dateutil.tz.tzoffset(None, 3600),
    }
    found = {"zone_" + name: frame(m=hours.tz_convert(zone)) for name, zone in named.items()}
    found["zone_index"] = pd.DataFrame({"a": range(6)}, index=hours.tz_convert("Asia/Seoul"))
    found["zone_cells"] = frame(
        m=pd.Series([moment.tz_convert(zone) for moment in hours[:2] for zone in named.values()], dtype=object)
    )
    if PANDAS >= (2, 0):
        import zoneinfo

        found["zone_zoneinfo"] = frame(m=hours.tz_convert(zoneinfo.ZoneInfo("Europe/Berlin")))
        found["zone_zoneinfo_cells"] = frame(
            m=pd.Series([dt.datetime(2020, 7, 1, 5, tzinfo=zoneinfo.ZoneInfo("Asia/Seoul"))], dtype=object)
        )
    return found


def categories():
    letters = pd.Series(["b", "a", None, "b"])
    many = ["cat%d" % (n % 200) for n in range(260)]
    return {
        "categories_text": frame(c=letters.astype("category")),
        "categories_ordered": frame(c=pd.Categorical(["low", "high"], categories=["low", "mid", "high"], ordered=True)),
        "categories_numbers": frame(c=pd.Categorical([3, 1, 3]), f=pd.Categorical([0.5, None, 1.5])),
        "categories_moments": frame(c=pd.Categorical(pd.to_datetime(["2020-01-01", "2020-01-02", "2020-01-01"]))),
        "categories_zone": frame(c=pd.Categorical(pd.date_range("2020", periods=2, tz="Asia/Seoul"))),
        "categories_intervals": frame(c=pd.cut([1, 5, 9], bins=[0, 3, 6, 10])),
        "categories_bool": frame(c=pd.Categorical([True, False, True])),
        "categories_mixed": frame(c=pd.Categorical(["a", 1, None])),
        "categories_many": frame(c=pd.Categorical(many)),
        "categories_empty": frame(c=pd.Categorical([None, None])),
        "categories_range": frame(c=pd.Categorical.from_codes([2, 0, -1], categories=pd.RangeIndex(3))),
        "categories_series": letters.astype("category"),
    }


def nullable():
    kinds = ["Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64"]
    return {
        "nullable_whole": frame(**{kind: pd.array([1, None, 100], dtype=kind) for kind in kinds}),
        "nullable_real": frame(
            f=pd.array([0.1, None, 2], dtype="Float32"), d=pd.array([0.1, None, 2], dtype="Float64")
        ),
        "nullable_bool": frame(b=pd.array([True, None, False], dtype="boolean")),
        "nullable_large": frame(n=pd.array([2**62, None, -(2**62)], dtype="Int64")),
        "nullable_sliced": frame(n=pd.array([1, None, 3, 4], dtype="Int64")).iloc[1:3],
        "nullable_series": pd.Series([1, None], dtype="Int64", name="n"),
    }


def texts():
    words = ["a", None, "", "한국어", "x" * 300]
    found = {
        "texts_python": frame(s=pd.array(words, dtype="string[python]")),
        "texts_arrow": frame(s=pd.array(words, dtype="string[pyarrow]")),
        "texts_arrow_sliced": frame(s=pd.array(words, dtype="string[pyarrow]")).iloc[1:4],
        "texts_arrow_joined": pd.concat([frame(s=pd.array(words, dtype="string[pyarrow]"))] * 2, ignore_index=True),
        "texts_object": frame(s=pd.Series(words, dtype=object)),
    }
    if (2, 1) <= PANDAS < (3, 0):
        found["texts_arrow_numpy"] = frame(s=pd.array(words, dtype=pd.StringDtype("pyarrow_numpy")))
    if PANDAS >= (2, 3):
        found["texts_nan_python"] = frame(s=pd.array(words, dtype=pd.StringDtype("python", na_value=np.nan)))
        found["texts_nan_arrow"] = frame(s=pd.array(words, dtype=pd.StringDtype("pyarrow", na_value=np.nan)))
    if PANDAS >= (3, 0):
        found["texts_str"] = frame(s=pd.Series(words, dtype="str"))
    return found


def arrow():
    import pyarrow as pa

    day = dt.datetime(2020, 1, 2, 3, 4, 5, 6)
    columns = {
        "int8": ([1, None, -3], pa.int8()),
        "int64": ([1, None, 2**60], pa.int64()),
        "uint64": ([1, None, 2**63], pa.uint64()),
        "float": ([0.1, None, 2.0], pa.float32()),
        "double": ([0.1, None, float("inf")], pa.float64()),
        "bool": ([True, None, False], pa.bool_()),
        "string": (["a", None, "한"], pa.string()),
        "large_string": (["a", None, "한"], pa.large_string()),
        "binary": ([b"a", None, b"\xff"], pa.binary()),
        "date": ([day.date(), None, None], pa.date32()),
        "time": ([day.time(), None, None], pa.time64("us")),
        "moment": ([day, None, day], pa.timestamp("us")),
        "moment_s": ([day, None, day], pa.timestamp("s")),
        "moment_zone": ([day, None, day], pa.timestamp("ns", tz="Asia/Seoul")),
        "span": ([dt.timedelta(1), None, dt.timedelta(0, 5)], pa.duration("us")),
        "decimal": ([decimal.Decimal("1.10"), None, decimal.Decimal("-2.00")], pa.decimal128(10, 2)),
        "list": ([[1, 2], None, []], pa.list_(pa.int64())),
        "list_text": ([["a", None], [], ["b"]], pa.list_(pa.string())),
        "struct": (
            [{"x": 1, "y": "a"}, None, {"x": None, "y": "b"}],
            pa.struct([("x", pa.int64()), ("y", pa.string())]),
        ),
        "null": ([None, None, None], pa.null()),
    }
    if PANDAS < (2, 0):
        for name in (
            "decimal",
            "list",
            "list_text",
            "struct",
            "null",
            "time",
            "date",
            "span",
            "moment",
            "moment_s",
            "moment_zone",
            "binary",
        ):
            del columns[name]
    found = {}
    for name, (values, kind) in columns.items():
        column = frame(
            c=pd.array(pa.array(values, kind).to_pylist() if kind == pa.null() else values, dtype=pd.ArrowDtype(kind))
        )
        found["arrow_" + name] = column
    ints = found["arrow_int64"]
    found["arrow_sliced"] = ints.iloc[1:]
    found["arrow_chunks"] = pd.concat([ints, ints, ints.iloc[:1]], ignore_index=True)
    found["arrow_dictionary"] = frame(
        c=pd.arrays.ArrowExtensionArray(pa.array(["a", "b", None, "a"]).dictionary_encode())
    )
    found["arrow_index"] = (
        pd.DataFrame({"a": [1, 2, 3]}, index=pd.Index(ints["c"].fillna(0), name="k")) if PANDAS >= (2, 0) else ints
    )
    return found


def others():
    months, quarters = (
        pd.period_range("2020-01", periods=3, freq="M"),
        pd.period_range("2020Q1", periods=3, freq="Q-MAR"),
    )
    found = {
        "periods": frame(m=months, q=quarters, d=pd.PeriodIndex(["2020-01-01", None, "1969-12-31"], freq="D")),
        "periods_fine": frame(
            h=pd.period_range("2020", periods=3, freq="h" if PANDAS >= (2, 2) else "H"),
            w=pd.period_range("2020-01-05", periods=3, freq="W-TUE"),
        ),
        "periods_finest": frame(
            n=pd.PeriodIndex(["2020-01-01 00:00:00.000000001"] * 2, freq="ns" if PANDAS >= (2, 2) else "N"),
            b=pd.period_range("2020-01-06", periods=2, freq="B"),
        ),
        "periods_stepped": frame(p=pd.period_range("2020-01-01", periods=3, freq="2D")),
        "sparse": frame(i=pd.arrays.SparseArray([0, 0, 5, 0]), f=pd.arrays.SparseArray([np.nan, 1.5, np.nan, 2])),
        "sparse_bool": frame(b=pd.arrays.SparseArray([False, True, False])),
    }
    for closed in ("left", "right", "both", "neither"):
        found["intervals_" + closed] = frame(
            i=pd.interval_range(0, 3, closed=closed), f=pd.IntervalIndex.from_breaks([0.5, 1, 2, 3], closed=closed)
        )
    found["intervals_moments"] = frame(
        i=pd.interval_range(pd.Timestamp("2020-01-01"), periods=2, freq="36h" if PANDAS >= (2, 2) else "36H")
    )
    found["intervals_nulls"] = frame(i=pd.arrays.IntervalArray.from_tuples([(0, 1), np.nan, (2, 5)]))
    found["intervals_spans"] = frame(i=pd.interval_range(pd.Timedelta(0), periods=2, freq="1D"))
    found["extension_plain"] = frame(
        p=pd.arrays.NumpyExtensionArray(np.arange(3)) if PANDAS >= (2, 1) else pd.arrays.PandasArray(np.arange(3))
    )
    return found
