"""What kind of cells a column holds, judged from a fixed sample of its rows."""

from __future__ import annotations

import datetime as dt
import decimal
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from pc_worker.reader.cells.values import MISSING, Interval, Period, Timedelta, Timestamp
from pc_worker.reader.pickle.shapes.columns import KINDS
from pc_worker.reader.table import SparseCells

_FIRST, _BLOCKS, _BLOCK = 256, 8, 32
#: Shorter lists with whole numbers and fractions are coordinates or grades: one file has fractions, the next none.
MIN_MIXED_DIMENSION = 8
_ARRAYS = {"f": "f", "i": "i", "u": "i"}
_TYPES: dict[type, str] = {
    str: "text", bool: "bool", int: "int", float: "float", complex: "complex", bytes: "bytes", bytearray: "bytes",
    dict: "dict", list: "list", tuple: "list", set: "list", frozenset: "list", dt.datetime: "datetime",
    dt.date: "date", dt.time: "time", dt.timedelta: "timedelta", decimal.Decimal: "decimal", uuid.UUID: "uuid",
    Timestamp: "datetime", Timedelta: "timedelta", Interval: "interval", Period: "period",
}  # fmt: skip


def sample_ranges(rows: int) -> list[tuple[int, int]]:
    """Return the sampled rows: the first, and some blocks spread evenly; equal for equal numbers of rows."""
    ranges = [(0, min(rows, _FIRST))]
    for number in range(1, _BLOCKS + 1):
        start = rows * number // (_BLOCKS + 1)
        if start >= ranges[-1][1]:
            ranges.append((start, min(rows, start + _BLOCK)))
    return ranges


def judge_columns(names: Sequence[str], rows: int, read: ReadCells) -> dict[str, tuple[str, int | None]]:
    """Return the kind of each named column, and the length of its vectors if it is one of vectors.

    All columns are read at once, as a row that is a dict is decoded whole for any of its keys, but of a wide table only
    a few rows at a time.
    """
    sights = {name: _Sight() for name in names}
    step = max(1, _CELLS // max(1, len(names)))
    for first, last in sample_ranges(rows) if names else []:
        for start in range(first, last, step):
            for name, cells in read(start, min(last, start + step), names).items():
                if cells.__class__ is not SparseCells:
                    sights[name].add(cells)
                elif cells.there:
                    sights[name].add(cells.there.values())
    return {name: sight.verdict() for name, sight in sights.items()}


#: Reads the cells of rows ``start`` up to ``stop`` of the named columns.
ReadCells = Callable[[int, int, Sequence[str]], Mapping[str, Sequence[object]]]
#: Cells that are looked at together.
_CELLS = 1 << 18


class _Sight:
    """What was seen of a column so far."""

    __slots__ = ("_fractions", "_kinds", "_lengths", "_whole")

    def __init__(self) -> None:
        self._kinds: set[str] = set()
        self._lengths: set[int] = set()
        self._fractions = self._whole = False

    def add(self, cells: Iterable[Any]) -> None:
        for cell in cells:
            if not _is_null(cell):
                self._kinds.add(kind := _kind(cell))
                if kind == "list":
                    self._add_list(cell)

    def _add_list(self, cell: Any) -> None:
        kinds = _number_kinds(cell)
        self._lengths.add(len(cell) if kinds else 0)
        self._fractions, self._whole = self._fractions or "f" in kinds, self._whole or "i" in kinds

    def verdict(self) -> tuple[str, int | None]:
        kinds, lengths = self._kinds, self._lengths
        if not kinds:
            return "null", None
        if kinds == {"list"}:
            length = max(lengths)
            is_long = length >= (MIN_MIXED_DIMENSION if self._whole else 2)
            is_vector = len(lengths) == 1 and is_long and self._fractions
            return ("vector", length) if is_vector else ("list", None)
        if kinds == {"int", "float"}:
            return "float", None
        return (next(iter(kinds)) if len(kinds) == 1 else "mixed"), None


def _is_null(cell: Any) -> bool:
    return cell is None or cell is MISSING or (isinstance(cell, float | np.floating) and bool(cell != cell))


def _kind(cell: Any) -> str:
    if isinstance(cell, np.ndarray):
        return "list"
    if isinstance(cell, np.generic):
        return KINDS[cell.dtype.kind]
    return _TYPES.get(type(cell), "mixed")


def _number_kinds(cell: Any) -> set[str]:
    """Return which kinds of numbers a list holds, ``i`` and ``f``; none if it holds anything else, or is no list.

    A number without a fraction is an integer in JSON, also in a vector: ``[0, 0.25, -1]``.
    """
    if isinstance(cell, np.ndarray):
        return {_ARRAYS[cell.dtype.kind]} if cell.ndim == 1 and cell.dtype.kind in _ARRAYS else set()
    if isinstance(cell, set | frozenset):
        return set()
    kinds = {_number_kind(kind) for kind in set(map(type, cell))}
    return set() if "" in kinds else kinds


def _number_kind(kind: type) -> str:
    if issubclass(kind, float | np.floating):
        return "f"
    return "i" if issubclass(kind, int | np.integer) and kind is not bool else ""
