"""Index objects: row labels as columns of the table, column labels as names."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from pc_worker.reader.cells.normal import label_text
from pc_worker.reader.errors import NoCell, broken, over_limit
from pc_worker.reader.index.layout import Listing
from pc_worker.reader.index.store import Store
from pc_worker.reader.pickle.described import Array, Call, Payload, Symbol
from pc_worker.reader.pickle.shapes.arrays import coded, column, index_data, intervals, range_of, whole_column
from pc_worker.reader.pickle.shapes.arrow_buffers import sequence
from pc_worker.reader.pickle.shapes.columns import RangeNumbers, Reader
from pc_worker.reader.pickle.shapes.derived import Coded, CodedNumbers

#: Row labels: the name of each level (None = unnamed), and its cells.
Levels = list[tuple[Any, Reader]]


def levels_of(store: Store, index: Any) -> Levels:
    """Return the levels of an index, one for all but a MultiIndex.

    Raises:
        Rejected: If it is no index.
    """
    if not isinstance(index, Call) or not isinstance(index.state, dict):
        raise broken("a table has no row labels")
    state = index.state
    if index.kind == "RangeIndex":
        return [(name_of(state.get("name")), RangeNumbers(range_of(state)))]
    if index.kind == "MultiIndex":
        return _multi(store, state)
    if index.kind == "IntervalIndex" and "left" in state:
        return [(name_of(state.get("name")), intervals(store, state))]
    name = name_of(state.get("name"))
    try:
        return [(name, column(store, state.get("data")))]
    except NoCell as found:
        raise found.of("index" if name is None else label_text(name)) from found


def name_of(label: Any) -> Any:
    """Return ``label`` if it can be a name: a scalar, or a tuple of scalars."""
    for part in label if type(label) is tuple else (label,):
        if isinstance(part, Array | Call | Listing | Payload | Symbol | tuple) or type(part).__hash__ is None:
            raise broken("a column or index is named by something else than a text, a number or a date")
    return label


def _multi(store: Store, state: dict[Any, Any]) -> Levels:
    levels, codes = sequence(store, state.get("levels")), sequence(store, state.get("codes"))
    names = sequence(store, state.get("names"))
    if not 0 < len(levels) == len(codes) == len(names):
        raise broken("a MultiIndex has not as many codes and names as levels")
    found = [
        (name_of(name), coded(store, code, _labels(store, level), CodedNumbers if _is_whole(level) else Coded))
        for name, code, level in zip(names, codes, levels, strict=True)
    ]
    if len({len(reader) for _, reader in found}) != 1:
        raise broken("the levels of a MultiIndex are not of one length")
    return found


def _is_whole(level: Any) -> bool:
    """Return whether a level's labels are numpy's whole numbers, which have no null of their own."""
    match index_data(level):
        case Array(dtype=dtype) if dtype is not None:
            return dtype.kind in "iu"
        case Call(kind="RangeIndex"):
            return True
    return False


def _labels(store: Store, level: Any) -> list[Any]:
    match level:
        case Call(state={"data": data}):
            return whole_column(store, data)
    return whole_column(store, level)


def is_default(levels: Levels, rows: int) -> bool:
    """Return whether the row labels are only the row numbers, which are not part of a row's normal form."""
    reader = levels[0][1]
    if len(levels) != 1 or not isinstance(reader, RangeNumbers):
        return False
    # By its start and step: an empty or one-row range equals others that are not the default.
    return (reader.numbers.start, reader.numbers.step, len(reader)) == (0, 1, rows)


def labels_of(store: Store, index: Any, limit: int) -> list[Any]:
    """Return column labels: one value each, a tuple for a MultiIndex.

    Raises:
        Rejected: If there are more than ``limit``.
    """
    levels = levels_of(store, index)
    if len(levels[0][1]) > limit:
        raise over_limit(f"the table has more than {limit} columns")
    values: Sequence[Sequence[Any]] = [_as_labels(reader) for _, reader in levels]
    return list(values[0]) if len(values) == 1 else list(zip(*values, strict=True))


def _as_labels(reader: Reader) -> Sequence[Any]:
    """Return cells as pandas writes them in a label: a null of anything but Python objects is nan, or NaT."""
    reader.prove()
    cells = reader.read(0, len(reader))
    if reader.kind == "mixed":
        return cells
    null = "NaT" if reader.kind in ("datetime", "timedelta", "period") else math.nan
    return [null if cell is None else cell for cell in cells]
