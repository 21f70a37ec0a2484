"""What the golden files hold: every container, layout and index that the contract names.

Runs in each writing environment; a case that a pandas cannot make is left out there by its version.
"""

from __future__ import annotations

import collections
import datetime as dt

import cells
import dtypes
import numpy as np
import pandas as pd

LONG = 2300  # more than two of pickle's batches of 1,000


class Stream(list):
    """Objects to be pickled one after another into one file."""


def cases():
    """Return all cases of this environment by name."""
    found = {}
    for family in (containers, layouts, long_ones, memo, indexes, labels, cells.cases, dtypes.cases):
        for name, value in family().items():
            assert name not in found, name
            found[name] = value
    return found


def mixed(rows=7, first=0):
    """Return a frame as ordinary programs have it."""
    numbers = range(first, first + rows)
    return pd.DataFrame(
        {
            "text": ["text %d" % n for n in numbers],
            "whole": list(numbers),
            "real": [n / 3 for n in numbers],
            "maybe": [None if n % 3 == 0 else "m%d" % n for n in numbers],
            "flag": [n % 2 == 0 for n in numbers],
            "when": pd.date_range("2021-03-27 23:00", periods=rows, freq="h"),
            "vector": [np.arange(n, n + 4, dtype=np.float32) / 7 for n in numbers],
            "skills": [np.array(["s%d" % k for k in range(n % 3)], dtype=object) for n in numbers],
        }
    )


def containers():
    frame = mixed()
    rows = [{"a": n, "b": "t%d" % n, "v": [n / 2, 1.5]} for n in range(30)]
    ragged = [{"a": 1}, {"b": "x", "a": None}, {}, {"c": {"d": [1, 2]}}, {"b": "y"}]
    return {
        "frame": frame,
        "frame_empty": pd.DataFrame(),
        "frame_no_rows": frame.iloc[:0],
        "frame_no_columns": pd.DataFrame(index=range(3)),
        "frame_one_cell": pd.DataFrame({"a": [1]}),
        "series": pd.Series(["x", "y", None], name="letters"),
        "series_unnamed": pd.Series([1.5, np.nan]),
        "series_no_rows": pd.Series([], dtype="int16", name="n"),
        "series_indexed": pd.Series([1, 2], index=pd.Index(["a", "b"], name="key"), name="n"),
        "wrapped": {"data_frame": frame, "metadata": {"rows": 7}, "skill_embeddings": np.zeros((3, 2))},
        "columns_of_lists": {"a": [1, 2, 3], "b": ["x", None, "z"], "c": [[1], [], [2.5, None]]},
        "columns_of_arrays": {"a": np.arange(3), "m": np.ones((3, 2), np.float32), "t": ("p", "q", "r")},
        "columns_of_series": {"s": pd.Series([1, 2, 3]), "x": pd.Series(["a", "b", "c"]), "l": [1, 2, 3]},
        "rows_of_dicts": rows,
        "rows_ragged": ragged,
        "rows_number_keys": [{2: "a", 2.5: "b", None: "c", True: "d"}, {1: "e"}],
        "rows_ordered": [collections.OrderedDict(b=1, a=2), collections.OrderedDict(a=3)],
        "row_single": [{"only": 1}],
        "stream_of_dicts": Stream(rows),
        "stream_ragged": Stream(ragged),
        "stream_of_frames": Stream([mixed(3), mixed(2, 3), mixed(4, 5)]),
        "stream_of_lists": Stream([rows[:2], rows[2:9], rows[9:]]),
        "stream_of_all": Stream([mixed(2), rows[:3], pd.Series([1, 2], name="whole"), {"a": [1, 2]}]),
        "stream_other_columns": Stream([pd.DataFrame({"a": [1], "b": [2]}), pd.DataFrame({"c": [3], "a": [4]})]),
    }


def layouts():
    frame = mixed(9)
    fragmented = mixed(5)
    for number in range(20):
        fragmented["n%d" % number] = np.arange(5) * number
        fragmented["t%d" % number] = ["%d-%d" % (number, row) for row in range(5)]
    shuffled = mixed(4)
    shuffled.insert(0, "first", [1, 2, 3, 4])
    del shuffled["whole"]
    squares = np.arange(12, dtype=np.int64)
    return {
        "fragmented": fragmented,
        "shuffled_blocks": shuffled[list(shuffled.columns)[::-1]],
        "fortran": pd.DataFrame(np.asfortranarray(squares.reshape(4, 3)), columns=list("abc")),
        "c_order": pd.DataFrame(squares.reshape(4, 3), columns=list("abc")),
        "fortran_objects": pd.DataFrame(
            np.asfortranarray(np.array([["a", 1], ["b", None], ["c", 2.5]], dtype=object)), columns=["x", "y"]
        ),
        "transposed": pd.DataFrame({"a": [1, 2], "b": [3, 4], "c": [5, 6]}).T,
        "transposed_objects": pd.DataFrame({"a": ["x", 2], "b": [None, 4]}).T,
        "sliced_rows": frame.iloc[2:7],
        "stepped_rows": frame.iloc[::2],
        "reversed_rows": frame.iloc[::-1],
        "sliced_columns": frame.iloc[:, 1:4],
        "picked_rows": frame[frame["flag"]],
        "concatenated": pd.concat([mixed(3), mixed(2)], ignore_index=True),
        "concatenated_kept_index": pd.concat([mixed(3), mixed(2)]),
        "with_attributes": _with_attributes(mixed(2)),
        "big_endian": pd.DataFrame({"i": np.arange(3, dtype=">i4"), "f": np.arange(3, dtype=">f8") / 3}),
        "object_numbers": mixed(4).astype(object),
        "grouped": frame.groupby("flag")["whole"].agg(["sum", "max"]),
        "pivoted": frame.pivot_table(index="flag", values="real", columns="whole"),
    }


def _with_attributes(frame):
    frame.attrs["source"] = "golden"
    return frame


def long_ones():
    texts = pd.DataFrame({"a": ["r%d" % n for n in range(LONG)], "b": ["same", "other"] * (LONG // 2)})
    vectors = [np.arange(n, n + 3, dtype=np.float32) for n in range(1200)]
    vectors[700] = None
    return {
        "long_texts": texts,
        "long_vectors": pd.DataFrame({"v": vectors, "t": [str(n) for n in range(1200)]}),
        "long_lists": pd.DataFrame({"l": [[n % 5] * (n % 4) for n in range(1100)]}),
        "long_numbers": pd.DataFrame({"n": list(range(LONG)), "f": np.arange(LONG) / 8}),
        "long_objects": pd.DataFrame({"o": pd.Series([n if n % 2 else "t%d" % n for n in range(1500)], dtype=object)}),
        "long_rows_of_dicts": [{"n": n, "t": "t%d" % (n % 3), "l": [n]} for n in range(1300)],
        "long_stream": Stream({"n": n, "t": "t%d" % n} for n in range(130)),
    }


def memo():
    shared, vector = ["one", "list"], np.arange(3, dtype=np.float32)
    pair = {"k": shared, "v": vector}
    column = pd.Series(["c%d" % n for n in range(40)], dtype=object)
    longer = "a text that is well over a few bytes long " * 9
    return {
        "shared_cells": pd.DataFrame({"l": [shared] * 60, "v": [vector] * 60, "d": [pair] * 60}),
        "shared_across_columns": pd.DataFrame({"a": [shared, pair, vector], "b": [vector, shared, pair]}),
        "shared_texts": pd.DataFrame({"a": [longer, "x"] * 50, "b": ["x", longer] * 50}),
        "shared_column": {"a": column, "b": column, "c": list(column)},
        "shared_rows": [pair, pair, {"k": shared, "v": vector}],
        "shared_arrays": {"a": vector, "b": vector},
        "nested_sharing": pd.DataFrame({"x": [[shared, [shared, shared]], (shared, vector), {"a": shared}]}),
    }


def indexes():
    frame = pd.DataFrame({"a": [1, 2, 3], "t": ["x", "y", "z"]})

    def on(index):
        return frame.set_axis(index, axis=0)

    days = dtypes.moments("2020-01-01", None, "2020-05-05 01:02:03.000000004")
    two = [["x", "x", "y"], [1, 2, 1]]
    return {
        "index_range_named": on(pd.RangeIndex(3, name="row")),
        "index_range_from_5": on(pd.RangeIndex(5, 8)),
        "index_range_step": on(pd.RangeIndex(0, 9, 3, name="n")),
        "index_range_back": on(pd.RangeIndex(2, -1, -1)),
        "index_int": on(pd.Index([0, 1, 2])),
        "index_uint": on(pd.Index(np.array([1, 2**63, 3], dtype=np.uint64), name="u")),
        "index_float": on(pd.Index([0.5, np.nan, np.inf])),
        "index_text": on(pd.Index(["k1", "k1", None], name="key")),
        "index_bool": on(pd.Index([True, False, True])),
        "index_objects": on(pd.Index(["k", 2, (3, "x")], dtype=object, tupleize_cols=False)),
        "index_bytes": on(pd.Index([b"k", b"", b"\xff"])),
        "index_days": on(days),
        "index_days_freq": on(pd.date_range("2020-01-31", periods=3, freq="D", name="day")),
        "index_days_backwards": on(pd.date_range("2020-01-31", periods=3, freq="D")).iloc[::-1],
        "index_days_zone": on(pd.date_range("2020-03-29", periods=3, freq="h", tz="Europe/Berlin")),
        "index_spans": on(pd.to_timedelta([1, -5, 10**15], unit="ns")),
        "index_periods": on(pd.period_range("2020-01", periods=3, freq="M")),
        "index_intervals": on(pd.interval_range(0, 3)),
        "index_categories": on(pd.CategoricalIndex(["b", None, "b"], categories=["c", "b"], name="cat")),
        "index_nullable": on(pd.Index(pd.array([1, 2, 3], dtype="Int64"))),
        "index_multi": on(pd.MultiIndex.from_arrays(two, names=["p", "q"])),
        "index_multi_unnamed": on(pd.MultiIndex.from_arrays(two)),
        "index_multi_half_named": on(pd.MultiIndex.from_arrays(two, names=["p", None])),
        "index_multi_nulls": on(pd.MultiIndex.from_arrays([days, ["a", None, "b"], [1.5, np.nan, 2]])),
        "index_named_like_column": on(pd.Index([7, 8, 9], name="a")),
        "index_beside_index": on(pd.Index([7, 8, 9])).rename(columns={"a": "index"}),
        "index_level_taken": on(pd.MultiIndex.from_arrays(two)).rename(columns={"a": "level_1"}),
        "index_levels_alike": on(pd.MultiIndex.from_arrays(two, names=["p", "p"])),
        "index_name_number": on(pd.Index([7, 8, 9], name=5)),
        "index_name_tuple": on(pd.Index([7, 8, 9], name=("p", 1))),
        "index_no_columns": pd.DataFrame(index=["a", "b"]),
        "index_no_rows": pd.DataFrame({"a": []}, index=pd.Index([], dtype=object)),
        "index_multi_sliced": on(pd.MultiIndex.from_arrays(two)).iloc[1:],
    }


def labels():
    square = np.arange(6).reshape(2, 3)
    days = dtypes.moments("2020-01-01", "2020-05-05 01:02:03", "2020-05-05 01:02:03.000000004")
    return {
        "labels_repeated": pd.DataFrame([[1, 2, 3, "x", 5]], columns=["a", "a", "a.1", "b", "a"]),
        "labels_repeated_texts": pd.DataFrame([["1", "2"], ["3", "4"]], columns=["a", "a"]),
        "labels_alike_as_text": pd.DataFrame([[1, 2, 3]], columns=pd.Index([1, "1", 1.0], dtype=object)),
        "labels_numbers": pd.DataFrame(square),
        "labels_floats": pd.DataFrame(square, columns=[0.5, np.nan, 2.0]),
        "labels_null": pd.DataFrame(square, columns=pd.Index(["a", None, np.nan], dtype=object)),
        "labels_days": pd.DataFrame(square, columns=days),
        "labels_midnights": pd.DataFrame(square[:, :2], columns=pd.to_datetime(["2020-01-01", "2021-02-03"])),
        "labels_zone": pd.DataFrame(square, columns=days.tz_localize("Asia/Seoul")),
        "labels_spans": pd.DataFrame(square, columns=pd.to_timedelta([1, 86_400_000_000_000, -1], unit="ns")),
        "labels_periods": pd.DataFrame(square, columns=pd.period_range("2020", periods=3, freq="M")),
        "labels_intervals": pd.DataFrame(square, columns=pd.interval_range(0, 3)),
        "labels_categories": pd.DataFrame(square, columns=pd.CategoricalIndex(["u", "v", "u"])),
        "labels_bools": pd.DataFrame(square[:, :2], columns=[True, False]),
        "labels_multi": pd.DataFrame(square, columns=pd.MultiIndex.from_tuples([("a", 1), ("a", 2), ("b", 1)])),
        "labels_multi_named": pd.DataFrame(
            square, columns=pd.MultiIndex.from_product([["a"], ["x", "y", None]], names=["p", "q"])
        ),
        "labels_python_dates": pd.DataFrame(
            square, columns=pd.Index([dt.date(2020, 1, 1), dt.datetime(2020, 1, 1, 5), "t"], dtype=object)
        ),
        "labels_tuples": pd.DataFrame(square, columns=pd.Index([("a", 1), ("b",), "c"], tupleize_cols=False)),
        "labels_empty_text": pd.DataFrame(square, columns=["", " ", "\u00e9\U0001f600"]),
    }
