"""What pandas notes in the schema of an Arrow table: its index, and which columns hold periods or intervals.

A note that is malformed or does not fit the table is ignored: the columns are read as Arrow has them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from pc_worker.reader.cells.values import NAT, Interval, Period

#: The column of an index level without a name.
_UNNAMED = re.compile(r"__index_level_\d+__")
_FREQUENCY = re.compile(r"\d{0,6}[A-Za-z]{1,4}(?:-[A-Z]{3})?")
_CLOSED = ("left", "right", "both", "neither")
#: All that a note of another form raises.
_MALFORMED = (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError)


@dataclass(frozen=True, slots=True)
class Level:
    """One level of an index: its label, if any, and the place of its column, or its numbers if it has none."""

    label: str | None
    column: int | None = None
    numbers: range | None = None


@dataclass(frozen=True, slots=True)
class PandasCells:
    """What pandas makes of the cells of a column: their kind, and the value of a cell that is not null."""

    kind: str
    value: Callable[[Any], object]


def index_levels(schema: Any, rows: int) -> tuple[Level, ...]:
    """Return the levels of the index of a table of ``rows`` rows; none for 0, 1, 2, … or without a note."""
    try:
        notes = json.loads((schema.metadata or {}).get(b"pandas", b"{}"))
        levels = tuple(_level(schema, notes, entry, rows) for entry in notes.get("index_columns") or ())
    except _MALFORMED:
        return ()
    places = [level.column for level in levels if level.column is not None]
    is_plain = len(levels) == 1 and levels[0].numbers == range(rows)
    return () if is_plain or len(set(places)) < len(places) else levels


def _level(schema: Any, notes: dict[str, Any], entry: Any, rows: int) -> Level:
    if isinstance(entry, str):
        (place,) = schema.get_all_field_indices(entry)
        return Level(_label(notes, entry), column=place)
    numbers = range(entry["start"], entry["stop"], entry["step"])
    if entry["kind"] != "range" or len(numbers) != rows:
        raise ValueError("not an index of this table")
    return Level(None if entry["name"] is None else str(entry["name"]), numbers=numbers)


def _label(notes: dict[str, Any], field: str) -> str | None:
    for column in notes["columns"]:
        if column.get("field_name", column["name"]) == field:
            return None if column["name"] is None else str(column["name"])
    return None if _UNNAMED.fullmatch(field) else field


def pandas_values(field: Any) -> PandasCells | None:
    """Return what pandas makes of a column's cells; None if they are as Arrow has them."""
    try:
        name, text = _extension(field)
        storage = field.type.storage_type if isinstance(field.type, pa.BaseExtensionType) else field.type
        if name == "pandas.period" and pa.types.is_int64(storage):
            return PandasCells("period", _period(json.loads(text)["freq"]))
        if name == "pandas.interval" and _has_bounds(storage):
            return PandasCells("interval", _interval(json.loads(text)["closed"]))
    except _MALFORMED:
        return None
    return None


def _extension(field: Any) -> tuple[str, bytes]:
    """Return name and note of a column's extension type, which pyarrow knows only where pandas is loaded."""
    if isinstance(field.type, pa.ExtensionType):
        return field.type.extension_name, field.type.__arrow_ext_serialize__()
    notes = field.metadata or {}
    return notes.get(b"ARROW:extension:name", b"").decode(), notes.get(b"ARROW:extension:metadata", b"")


def _period(frequency: str) -> Callable[[Any], object]:
    import pandas as pd  # only files with periods need pandas' calendar

    if not _FREQUENCY.fullmatch(frequency):
        raise ValueError("not a frequency")
    pd.Period(ordinal=0, freq=frequency)  # raises if it is none
    return lambda ordinal: None if ordinal == NAT else Period(ordinal, frequency)


def _has_bounds(storage: Any) -> bool:
    """Return whether a type is a struct with one ``left`` and one ``right`` that can be compared."""
    if not pa.types.is_struct(storage):
        return False
    places = [storage.get_field_index(name) for name in ("left", "right")]
    return min(places) >= 0 and not any(pa.types.is_nested(storage.field(place).type) for place in places)


def _interval(closed: str) -> Callable[[Any], object]:
    if closed not in _CLOSED:
        raise ValueError("not a kind of interval")

    def value(bounds: Any) -> object:
        left, right = bounds["left"], bounds["right"]
        return None if left is None or left != left else Interval(left, right, closed)

    return value
