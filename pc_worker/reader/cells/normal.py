"""The normal form of a cell: the JSON value that is for it in `rows` and dead letters."""

from __future__ import annotations

import base64
import cmath
import datetime as dt
import decimal
import json
import math
import uuid
from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np

from pc_worker.reader.cells.values import (
    MISSING,
    Interval,
    Period,
    Timedelta,
    Timestamp,
    duration_value,
    span_text,
    timestamp_value,
    words,
)

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


def normal(value: object) -> Json:
    """Return the normal form of one cell.

    Returns None, bool, int, a finite float, str, list or dict with text keys. None, NaN, NaT and MISSING become
    None; infinities the words ``Infinity`` and ``-Infinity``; bytes base64; timestamps and durations ISO 8601.

    Raises:
        TypeError: If ``value`` is of a type that no reader of this package returns.
    """
    rule = _RULES.get(type(value))
    if rule is not None:
        return rule(value)
    for kind, general in _GENERAL:
        if isinstance(value, kind):
            return general(value)
    raise TypeError(f"a cell of type {type(value).__name__} has no normal form")


def _same(value: object) -> Json:
    return value  # type: ignore[return-value]  # the table below sends only JSON scalars here


def _float(value: float) -> Json:
    if math.isfinite(value):
        return value
    return None if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")


def _bytes(value: bytes | bytearray) -> Json:
    return base64.b64encode(value).decode("ascii")


def _timedelta(value: dt.timedelta) -> Json:
    return span_text(value.days * 86_400 + value.seconds, value.microseconds * 1000)


def _complex(value: complex) -> Json:
    return None if cmath.isnan(value) else str(value)


def _decimal(value: decimal.Decimal) -> Json:
    return None if value.is_nan() else str(value)


def _sequence(value: list[object] | tuple[object, ...]) -> Json:
    return [normal(item) for item in value]


def _set(value: set[object] | frozenset[object]) -> Json:
    items = [normal(item) for item in value]
    try:
        return sorted(items)  # type: ignore[type-var]  # mixed sets raise and fall through to their JSON text
    except TypeError:
        return sorted(items, key=lambda item: json.dumps(item, ensure_ascii=False, sort_keys=True))


def _mapping(value: Mapping[object, object]) -> Json:
    return {_key(key): normal(item) for key, item in value.items()}


def _key(key: object) -> str:
    return key if isinstance(key, str) else label_text(key)


def label_text(label: object) -> str:
    """Return a label (column name or dict key) as text: what ``str`` returns for the value pandas would hold."""
    return words(label)


def _array(value: np.ndarray) -> Json:
    if value.dtype.kind == "f" and value.dtype.itemsize <= 8 and bool(np.isfinite(value).all()):
        return value.tolist()  # type: ignore[no-any-return]  # numpy types tolist() as Any
    if value.dtype.kind in "biuU" or value.ndim == 0:
        return value.tolist() if value.ndim else normal(value[()])
    return [normal(item) for item in value]


def _scalar(value: np.generic) -> Json:
    if isinstance(value, np.datetime64 | np.timedelta64):
        return _clock(value)
    if isinstance(value, np.longdouble):
        return _float(float(value))
    if isinstance(value, np.clongdouble):
        return _complex(complex(value))
    if isinstance(value, np.void):
        return [normal(item) for item in value.tolist()] if value.dtype.names else _bytes(value.tobytes())
    return normal(value.item())


def _clock(value: np.datetime64 | np.timedelta64) -> Json:
    unit, step = np.datetime_data(value.dtype)
    if np.isnat(value):
        return None
    name = "datetime64" if isinstance(value, np.datetime64) else "timedelta64"
    if unit not in ("s", "ms", "us", "ns") or step != 1:
        value, unit = value.astype(f"{name}[s]") if unit in "YMWDhm" else value.astype(f"{name}[ns]"), "s"
        unit = np.datetime_data(value.dtype)[0]
    ticks = int(value.view(np.int64))
    return normal(timestamp_value(ticks, unit, None) if name == "datetime64" else duration_value(ticks, unit))


_RULES: dict[type, Callable[..., Json]] = {
    type(None): _same,
    type(MISSING): lambda _: None,
    str: _same,
    bool: _same,
    int: _same,
    float: _float,
    list: _sequence,
    tuple: _sequence,
    dict: _mapping,
    np.ndarray: _array,
    bytes: _bytes,
    bytearray: _bytes,
    dt.datetime: dt.datetime.isoformat,
    dt.date: dt.date.isoformat,
    dt.time: dt.time.isoformat,
    dt.timedelta: _timedelta,
    decimal.Decimal: _decimal,
    uuid.UUID: str,
    complex: _complex,
    set: _set,
    frozenset: _set,
    Timestamp: Timestamp.isoformat,
    Timedelta: Timedelta.isoformat,
    Interval: str,
    Period: str,
}
#: Types that come in families; asked only when the exact type is not in the table.
_GENERAL: tuple[tuple[type, Callable[..., Json]], ...] = (
    (np.generic, _scalar),
    (dt.datetime, dt.datetime.isoformat),  # Arrow returns subclasses
    (dt.timedelta, _timedelta),
    (np.ndarray, _array),
    (Mapping, _mapping),
)
