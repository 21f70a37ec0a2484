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
    """Return all rows of a container, each a dict of JSON values in column order."""
    if isinstance(container, list):
        rows = [{str(key): normal(value) for key, value in row.items()} for row in container]
        return in_one_order(rows, names_of(container))
    names, columns, count = columns_of(container)
    if not columns:
        return [{} for _ in range(count)]
    return [dict(zip(names, (normal(cell) for cell in row))) for row in zip(*columns)]


def stream_rows(items):
    """Return the rows of several pickles: if all are dicts, each is one row, unless all are dicts of columns."""
    if all(isinstance(item, dict) for item in items) and not all(map(is_dict_of_columns, items)):
        return rows_of(items)
    names = dict.fromkeys(name for item in items for name in names_of(item))
    return in_one_order([row for item in items for row in rows_of(item)], names)


def is_dict_of_columns(item):
    """Return whether all values of a dict are lists, arrays or series, and of one length."""
    kinds = (list, tuple, np.ndarray, pd.Series, pd.Index)
    columns = [value for value in item.values() if isinstance(value, kinds) and getattr(value, "shape", None) != ()]
    return bool(item) and len(columns) == len(item) and len(set(map(len, columns))) == 1


def names_of(container):
    """Return the names of a container's columns, also of one without rows."""
    if isinstance(container, list):
        return list(dict.fromkeys(str(key) for row in container for key in row))
    return columns_of(container)[0]


def in_one_order(rows, keys):
    """Return each row with its own keys, in the order of ``keys``."""
    return [{key: row[key] for key in keys if key in row} for row in rows]


def columns_of(container):
    """Return names and cells of a table's columns (its index first unless it is 0, 1, 2, …), and its number of rows."""
    if isinstance(container, dict):
        if isinstance(container.get("data_frame"), pd.DataFrame):
            return columns_of(container["data_frame"])
        columns = [list(column) for column in container.values()]
        return [str(label) for label in container], columns, len(columns[0])
    if isinstance(container, pd.Series):
        names, columns = ["0" if container.name is None else str(container.name)], [list(container)]
    else:
        names = unique([str(label) for label in container.columns])
        columns = [list(container.iloc[:, number]) for number in range(len(names))]
    if not is_default(container.index):
        levels = index_names(container.index, names)
        cells = [list(container.index.get_level_values(number)) for number in range(container.index.nlevels)]
        names, columns = levels + names, cells + columns
    return names, columns, len(container)


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
    """Return ``name``, or with the first of ``.1``, ``.2``, … that is free."""
    suffix, found = 0, name
    while found in taken:
        suffix += 1
        found = "%s.%d" % (name, suffix)
    return found


def normal(value):
    """Return one cell as JSON."""
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
    """Return the text of pandas 2 and 3; 1.5 omits midnight."""
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
