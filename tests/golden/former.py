"""Writes files as pandas before 1.5 wrote them: each layout that changed since, with the rows that its writer reads.

    python tests/golden/former.py TARGET.tar.xz

Runs in an environment of that pandas (0.25 on Python 3.7 to 1.4 on 3.10); what one cannot make is left out. In the
archive: ``CASE.pN.pkl`` (N = protocol) and ``CASE.jsonl``.
"""

from __future__ import annotations

import datetime as dt
import pickle
import sys
from pathlib import Path

import numpy as np
import pandas as pd

if not hasattr(pd, "NA"):
    pd.NA = object()  # before 1.0; ``normal_form`` asks whether a value is it
import generate
import normal_form

ROWS = 30  # more than are kept of a list that could be a column's
DAYS = pd.date_range("2020-01-01 12:00", periods=ROWS, freq="D")


def mixed():
    """Return a frame of every plain kind of block."""
    numbers = range(ROWS)
    return pd.DataFrame(
        {
            "text": ["text %d" % n for n in numbers],
            "whole": list(numbers),
            "real": [n / 3 for n in numbers],
            "flag": [n % 2 == 0 for n in numbers],
            "when": DAYS,
            "vector": [np.arange(n, n + 4, dtype=np.float32) / 7 for n in numbers],
        }
    )


def fragmented():
    """Return more blocks than are kept of a list that could be a column's."""
    frame = mixed()
    for number in range(40):
        frame["n%d" % number] = np.arange(ROWS) * number
        frame["t%d" % number] = ["%d-%d" % (number, row) for row in range(ROWS)]
    return frame


def cells(*values):
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return pd.DataFrame({"c": column})


CASES = {
    "mixed": mixed,
    "fragmented": fragmented,
    "sliced": lambda: mixed().iloc[3:29:2, 1:4],
    "transposed": lambda: pd.DataFrame(np.arange(12).reshape(4, 3)).T,
    "no_rows": lambda: mixed().iloc[:0],
    "no_columns": lambda: pd.DataFrame(index=range(3)),
    "wrapped": lambda: {"data_frame": mixed(), "metadata": {"rows": ROWS}},
    "series": lambda: pd.Series(["x", None, "z"], name="letters"),
    "series_indexed": lambda: pd.Series([1.5, np.nan], index=pd.Index(["a", "b"], name="key")),
    "index_int": lambda: pd.DataFrame({"a": [1, 2]}, index=[5, 9]),
    "index_float": lambda: pd.DataFrame({"a": [1, 2]}, index=[0.5, 1.5]),
    "index_uint": lambda: pd.DataFrame({"a": [1, 2]}, index=pd.Index([1, 2], dtype="uint64")),
    "index_days": lambda: pd.DataFrame({"a": range(ROWS)}, index=DAYS),
    "index_zone": lambda: pd.DataFrame({"a": range(ROWS)}, index=DAYS.tz_localize("Europe/Berlin")),
    "index_spans": lambda: pd.DataFrame({"a": [1, 2]}, index=pd.to_timedelta([1, 90], unit="s")),
    "index_periods": lambda: pd.DataFrame({"a": [1, 2, 3]}, index=pd.period_range("2020-01", periods=3, freq="M")),
    "index_intervals": lambda: pd.DataFrame({"a": [1, 2]}, index=pd.interval_range(0, 2)),
    "index_categories": lambda: pd.DataFrame({"a": [1, 2, 3]}, index=pd.CategoricalIndex(["x", "y", "x"])),
    "index_multi": lambda: pd.DataFrame(
        {"a": range(6)}, index=pd.MultiIndex.from_product([["x", "y", "z"], [1, 2]], names=["k", None])
    ),
    "columns_multi": lambda: pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", 1), ("b", 2)])),
    "categories": lambda: pd.DataFrame({"c": pd.Categorical(["x", None, "z", "x"], ordered=True)}),
    "zones": lambda: pd.DataFrame({"m": DAYS.tz_localize("America/New_York"), "u": DAYS.tz_localize("UTC")}),
    "spans": lambda: pd.DataFrame({"s": pd.to_timedelta([1, -90, None], unit="s")}),
    "periods": lambda: pd.DataFrame({"p": pd.period_range("2020Q1", periods=3, freq="Q-NOV")}),
    "periods_stepped": lambda: pd.DataFrame({"p": pd.period_range("2020-01-01", periods=3, freq="2W-TUE")}),
    "periods_fine": lambda: pd.DataFrame({"p": pd.period_range("2020-01-01", periods=3, freq="3s")}),
    "intervals": lambda: pd.DataFrame({"i": pd.arrays.IntervalArray.from_breaks([0.5, 1, 2.5])}),
    "sparse": lambda: pd.DataFrame({"s": pd.arrays.SparseArray([0, 0, 5, 0])}),
    "sparse_before_1": lambda: pd.DataFrame({"s": pd.SparseArray([0, 0, 5, 0])}),
    "nullable": lambda: pd.DataFrame({"n": pd.array([1, None, 3], dtype="Int64")}),
    "nullable_bool": lambda: pd.DataFrame({"n": pd.array([True, None], dtype="boolean")}),
    "texts": lambda: pd.DataFrame({"t": pd.array(["a", None], dtype="string")}),
    "cells_moments": lambda: cells(
        pd.Timestamp("2020-02-02 03:04:05.006007008"), pd.Timestamp("2020-02-02", tz="Asia/Seoul"), pd.NaT, DAYS[3]
    ),
    "cells_spans": lambda: cells(pd.Timedelta(-1), pd.Timedelta(days=3, seconds=7), dt.timedelta(1), None),
    "cells_periods": lambda: cells(
        pd.Period("2020-05"), pd.Period("2020", "A-JUN"), pd.Period("2020-05-05", "W-WED"), pd.Period("2020", "Q-MAR")
    ),
    "cells_intervals": lambda: cells(pd.Interval(0, 1), pd.Interval(pd.Timestamp(0), pd.Timestamp(1), closed="both")),
}


def made(case):
    """Return what a case contains, and its forms; None if this pandas cannot create it or read it back."""
    try:
        value = CASES[case]()
        forms = {protocol: pickle.dumps(value, protocol) for protocol in (0, 4)}
        rows = normal_form.rows_of(pickle.loads(forms[4]))
    except (AttributeError, TypeError, ValueError, ImportError):
        return None
    return forms, generate.lines(rows)


def main():
    members = {}
    for case in CASES:
        found = made(case)
        if found is None:
            continue
        for protocol, data in found[0].items():
            members["%s.p%d.pkl" % (case, protocol)] = data
        members[case + ".jsonl"] = found[1]
    generate.save(Path(sys.argv[1]), members)


if __name__ == "__main__":
    main()
