"""Timestamps and durations of whole arrays as Python values."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np

from pc_worker.reader.cells.values import NAT, TICKS, duration_value, timestamp_value


def clock_values(values: np.ndarray, zone: dt.tzinfo | None) -> list[Any]:
    """Return timestamps (in ``zone``) or durations, shape (n,), as Python values, None for NaT."""
    unit, step = np.datetime_data(values.dtype)
    if unit == "generic":
        return [None] * len(values)
    if unit not in ("s", "ms", "us", "ns") or step != 1:
        unit = "s" if unit in ("Y", "M", "W", "D", "h", "m", "s") else "ns"
        values = values.astype(f"{values.dtype.str[:3]}[{unit}]")
    native = values.astype(values.dtype.newbyteorder("="), copy=False)
    if unit == "ns" and not (native.view(np.int64) % 1000).any():
        # NaT is no multiple of 1000, so it takes the slow path, which knows it.
        native, unit = native.astype(f"{native.dtype.str[1:3]}[us]"), "us"
    if unit != "ns" and (cells := _exact(native)) is not None and (cells := _zoned(cells, zone)) is not None:
        return cells
    ticks = native.view(np.int64).tolist()
    if values.dtype.kind == "M":
        return [timestamp_value(tick, unit, zone) for tick in ticks]
    return [duration_value(tick, unit) for tick in ticks]


def _exact(values: np.ndarray) -> list[Any] | None:
    """Return the cells by numpy's own conversion, where it returns ``datetime`` or ``timedelta`` for all but NaT."""
    ticks, most = values.view(np.int64), 2**63 // (TICKS["us"] // TICKS[np.datetime_data(values.dtype)[0]])
    if most < 2**63 and bool(((ticks >= most) | (ticks <= -most) & (ticks != NAT)).any()):
        return None  # numpy would go round in a circle
    cells: list[Any] = values.astype(f"{values.dtype.str[1:3]}[us]").tolist()
    return None if any(type(cell) is int for cell in cells) else cells


def _zoned(cells: list[Any], zone: dt.tzinfo | None) -> list[Any] | None:
    """Return the cells, which are in UTC, in ``zone``; None if one is in no year of it."""
    if zone is None:
        return cells
    try:
        return [None if cell is None else zone.fromutc(cell.replace(tzinfo=zone)) for cell in cells]
    except OverflowError:
        return None
