"""What kind of cells a column holds, judged from a fixed sample of its rows."""

from __future__ import annotations

import datetime as dt
import decimal
import uuid
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from pc_worker.reader.shapes.columns import KINDS
from pc_worker.reader.values import MISSING, Interval, Period, Timedelta, Timestamp

_FIRST, _BLOCKS, _BLOCK = 256, 8, 32
_TYPES: dict[type, str] = {
    str: "text", bool: "bool", int: "int", float: "float", complex: "complex", bytes: "bytes", bytearray: "bytes",
    dict: "dict", list: "list", tuple: "list", set: "list", frozenset: "list", dt.datetime: "datetime",
    dt.date: "date", dt.time: "time", dt.timedelta: "timedelta", decimal.Decimal: "decimal", uuid.UUID: "uuid",
    Timestamp: "datetime", Timedelta: "timedelta", Interval: "interval", Period: "period",
}  # fmt: skip


def sample_ranges(rows: int) -> list[tuple[int, int]]:
    """Which rows are looked at: the first, and some blocks spread evenly, the same for the same number of rows."""
    ranges = [(0, min(rows, _FIRST))]
    for number in range(1, _BLOCKS + 1):
        start = rows * number // (_BLOCKS + 1)
        if start >= ranges[-1][1]:
            ranges.append((start, min(rows, start + _BLOCK)))
    return ranges


def judge(cells: Iterable[Any]) -> tuple[str, int | None]:
    """The kind of a column with these cells, and the length of its vectors if it is one of vectors."""
    present = [cell for cell in cells if not _is_null(cell)]
    kinds = {_kind(cell) for cell in present}
    if not kinds:
        return "null", None
    if kinds == {"list"}:
        dimension = _dimension(present)
        return ("vector", dimension) if dimension else ("list", None)
    if kinds == {"int", "float"}:
        return "float", None
    return (kinds.pop() if len(kinds) == 1 else "mixed"), None


def _is_null(cell: Any) -> bool:
    return cell is None or cell is MISSING or (isinstance(cell, float | np.floating) and bool(cell != cell))


def _kind(cell: Any) -> str:
    if isinstance(cell, np.ndarray):
        return "list"
    if isinstance(cell, np.generic):
        return KINDS[cell.dtype.kind]
    return _TYPES.get(type(cell), "mixed")


def _dimension(cells: Sequence[Any]) -> int | None:
    lengths = {len(cell) if _is_vector(cell) else 0 for cell in cells}
    length = lengths.pop()
    return length if not lengths and length >= 2 else None


def _is_vector(cell: Any) -> bool:
    if isinstance(cell, np.ndarray):
        return cell.ndim == 1 and cell.dtype.kind == "f"
    if isinstance(cell, set | frozenset):
        return False
    return all(isinstance(item, float) for item in cell)
