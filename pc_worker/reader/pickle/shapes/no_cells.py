"""Finds what is in no cell: the class of the first object that is not a value, at any depth."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from pc_worker.reader.cells.normal import label_text
from pc_worker.reader.errors import NoCell, Rejected, not_a_table
from pc_worker.reader.index.layout import Listing
from pc_worker.reader.pickle.allow_list.numpy_names import Described
from pc_worker.reader.pickle.described import Array, Blank, Call, Symbol, Zone, class_name


def no_cell_in(item: Any) -> str | None:
    """Return the class of the first object in ``item`` that may not be in a cell, None if all of it are values."""
    match item:
        case Call() | Symbol() | Zone() | Blank() | Described() | dt.tzinfo() | slice():
            return class_name(item)
        case Listing():
            return None if item.foreign is None else item.foreign.what
        case tuple() | list():
            return _first(item)
        case dict():
            return _first(item.values())
        case Array(data=list() as inner):
            return None if _first(inner) is None else class_name(item)
    return None


def _first(items: Iterable[Any]) -> str | None:
    return next((what for item in items if (what := no_cell_in(item)) is not None), None)


def no_cell_of(items: Iterable[Any]) -> tuple[int, str] | None:
    """Return the number and the class of the first of ``items`` that is no cell."""
    return next(((number, what) for number, item in enumerate(items) if (what := no_cell_in(item)) is not None), None)


def of_rows(rows: list[dict[Any, Any]]) -> Rejected:
    """Return the error for a list of dicts, one of which holds an object that is no cell."""
    for number, row in enumerate(rows):
        for key, value in row.items():
            if (what := no_cell_in(value)) is not None:
                return NoCell(0, number, what, label_text(key))
    return not_a_table("a row holds something that is no cell")


def of_entries(entries: dict[Any, Any], label: Any) -> Rejected:
    """Return the error for a dict whose entry ``label`` is no column."""
    reason = f"the dict's entry {label_text(label)[:60]!r} is not a column"
    for key, value in entries.items():
        if (what := no_cell_in(value)) is not None:
            also = f"{label_text(key)[:60]!r} holds a `{what}`"
            return not_a_table(f"{reason}, and {also}: a dict holds columns only, or is a row of plain values")
    return not_a_table(reason)
