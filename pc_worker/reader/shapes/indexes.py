"""Index objects: row labels as columns of the table, column labels as names."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from pc_worker.reader.errors import broken, over_limit
from pc_worker.reader.parts import Call
from pc_worker.reader.shapes.arrays import coded, column, intervals, whole_column
from pc_worker.reader.shapes.arrow import sequence
from pc_worker.reader.shapes.columns import Range, Reader
from pc_worker.reader.store import Store

#: Row labels: the name of each level (None = unnamed), and its cells.
Levels = list[tuple[Any, Reader]]


def levels_of(store: Store, index: Any) -> Levels:
    """The levels of an index, one for all but a MultiIndex.

    Raises:
        Refused: If it is no index.
    """
    if not isinstance(index, Call) or not isinstance(index.state, dict):
        raise broken("a table has no row labels")
    state = index.state
    if index.kind == "RangeIndex":
        return [(state.get("name"), Range(_range(state)))]
    if index.kind == "MultiIndex":
        return _multi(store, state)
    if index.kind == "IntervalIndex" and "left" in state:
        return [(state.get("name"), intervals(store, state))]
    return [(state.get("name"), column(store, state.get("data")))]


def _range(state: dict[Any, Any]) -> range:
    match state:
        case {"start": int() as start, "stop": int() as stop, "step": int() as step} if step != 0:
            return range(start, stop, step)
    raise broken("a RangeIndex has no start, stop and step")


def _multi(store: Store, state: dict[Any, Any]) -> Levels:
    levels, codes = sequence(store, state.get("levels")), sequence(store, state.get("codes"))
    names = sequence(store, state.get("names"))
    if not len(levels) == len(codes) == len(names):
        raise broken("a MultiIndex has not as many codes and names as levels")
    return [
        (name, coded(store, code, _labels(store, level)))
        for name, code, level in zip(names, codes, levels, strict=True)
    ]


def _labels(store: Store, level: Any) -> list[Any]:
    match level:
        case Call(state={"data": data}):
            return whole_column(store, data)
    return whole_column(store, level)


def is_default(levels: Levels, rows: int) -> bool:
    """Whether the row labels are only the row numbers, which are not part of a row's normal form."""
    reader = levels[0][1]
    if len(levels) != 1 or not isinstance(reader, Range):
        return False
    # By its start and step: an empty or one-row range equals others that are not the default.
    return (reader.numbers.start, reader.numbers.step, len(reader)) == (0, 1, rows)


def labels_of(store: Store, index: Any, limit: int) -> list[Any]:
    """Column labels: one value each, a tuple for a MultiIndex.

    Raises:
        Refused: If there are more than ``limit``.
    """
    levels = levels_of(store, index)
    if len(levels[0][1]) > limit:
        raise over_limit(f"the table has more than {limit} columns")
    values: Sequence[Sequence[Any]] = [_as_labels(reader) for _, reader in levels]
    return list(values[0]) if len(values) == 1 else list(zip(*values, strict=True))


def _as_labels(reader: Reader) -> Sequence[Any]:
    """Cells as pandas writes them in a label: a null of anything but Python objects is nan, or NaT."""
    cells = reader.read(0, len(reader))
    if reader.kind == "mixed":
        return cells
    null = "NaT" if reader.kind in ("datetime", "timedelta", "period") else math.nan
    return [null if cell is None else cell for cell in cells]
