"""The contract's normal form, written down once more by way of pandas itself; shares nothing with the reader.

Runs on every interpreter that writes golden files, so it keeps to Python 3.8 and to what pandas 1.5 has.
"""

from __future__ import annotations

import base64
import datetime as dt
import decimal
import json
import math

import numpy as np
import pandas as pd


def rows_of(container):
    """All rows of a container, each a dict of JSON values in column order."""
    if isinstance(container, pd.DataFrame):
        return frame_rows(container)
    if isinstance(container, pd.Series):
        return frame_rows(container.to_frame())
    if isinstance(container, list):
        return in_one_order([{str(key): normal(value) for key, value in row.items()} for row in container])
    if isinstance(container.get("data_frame"), pd.DataFrame):
        return frame_rows(container["data_frame"])
    return column_rows([str(label) for label in container], [list(column) for column in container.values()])


def stream_rows(items):
    """The rows of several pickles: a plain dict among plain dicts is one row, everything else a table."""
    if all(isinstance(item, dict) for item in items):
        return rows_of(items)
    return in_one_order([row for item in items for row in rows_of(item)])


def in_one_order(rows):
    """Each row with its own keys, in the order in which the table first has them."""
    keys = dict.fromkeys(key for row in rows for key in row)
    return [{key: row[key] for key in keys if key in row} for row in rows]


def frame_rows(frame):
    """The rows of a frame, its index first unless that is 0, 1, 2, …"""
    names = unique([str(label) for label in frame.columns])
    columns = [list(frame.iloc[:, number]) for number in range(len(names))]
    if not is_default(frame.index):
        levels = index_names(frame.index, names)
        cells = [list(frame.index.get_level_values(number)) for number in range(frame.index.nlevels)]
        names, columns = levels + names, cells + columns
    if not columns:
        return [{} for _ in range(len(frame))]
    return column_rows(names, columns)


def column_rows(names, columns):
    return [dict(zip(names, (normal(cell) for cell in row))) for row in zip(*columns)]


def is_default(index):
    return isinstance(index, pd.RangeIndex) and index.start == 0 and index.step == 1


def index_names(index, columns):
    names = []
    for number, name in enumerate(index.names):
        if name is None:
            name = "index" if index.nlevels == 1 else "level_%d" % number
        names.append(free(str(name), columns + names))
    return names


def unique(labels):
    names = []
    for number, label in enumerate(labels):
        names.append(free(label, labels + names) if label in labels[:number] else label)
    return names


def free(name, taken):
    """``name``, or with the first of ``.1``, ``.2``, … that nobody has."""
    suffix, found = 0, name
    while found in taken:
        suffix += 1
        found = "%s.%d" % (name, suffix)
    return found


def normal(value):
    """One cell as JSON."""
    if isinstance(value, np.ndarray):
        return normal(value[()]) if value.ndim == 0 else [normal(item) for item in value]
    if isinstance(value, (list, tuple)):
        return [normal(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return ordered([normal(item) for item in value])
    if isinstance(value, dict):
        return {str(key): normal(item) for key, item in value.items()}
    if isinstance(value, np.void):
        return [normal(value[name]) for name in value.dtype.names]
    if isinstance(value, (complex, np.complexfloating)):
        return str(complex(value))
    if isinstance(value, decimal.Decimal):
        return None if value.is_nan() else str(value)
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, pd.Interval):
        return interval(value)
    return scalar(value)


def interval(value):
    """As pandas 2 and 3 have it; 1.5 leaves midnight out."""
    opening, closing = "[" if value.closed_left else "(", "]" if value.closed_right else ")"
    return "%s%s, %s%s" % (opening, value.left, value.right, closing)


def ordered(items):
    try:
        return sorted(items)
    except TypeError:
        return sorted(items, key=lambda item: json.dumps(item, ensure_ascii=False))


def scalar(value):
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (np.datetime64, dt.datetime)):
        return moment(value)
    if isinstance(value, (np.timedelta64, dt.timedelta)):
        return span(value)
    if isinstance(value, (dt.date, dt.time)):
        return value.isoformat()
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        return number(float(value))
    if isinstance(value, (bytes, bytearray)):
        return base64.b64encode(value).decode("ascii")
    return str(value)  # text, UUID, Period


def moment(value):
    if isinstance(value, dt.datetime) and not isinstance(value, pd.Timestamp):
        return value.isoformat()  # pandas 1.5 has no Timestamp before 1677
    value = pd.Timestamp(value)
    return None if value is pd.NaT else value.isoformat()


def span(value):
    value = pd.Timedelta(value)
    return None if value is pd.NaT else value.isoformat()


def number(value):
    if math.isnan(value):
        return None
    return value if math.isfinite(value) else ("Infinity" if value > 0 else "-Infinity")
