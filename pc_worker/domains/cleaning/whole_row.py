"""The record of a domain that accepts any table: the payload is the source row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from pc_worker.domains.cleaning.cells import BadValue, DropRow, checked_text, is_null, printable, quoted
from pc_worker.domains.cleaning.records import Record
from pc_worker.domains.declaration.column_mapping import ColumnMapping
from pc_worker.domains.declaration.table import BatchView
from pc_worker.reader import Json, normal

# Deeper nesting exceeds the recursion limit of some JSON parser on the way to the consumer.
_MAX_LEVELS = 100
# About 3,900 decimal digits, the most that Python converts to text by default.
_MAX_INTEGER_BITS = 13_000


def whole_row_record(mapping: ColumnMapping, batch: BatchView, i: int, key: str) -> Record:
    """Return the record of row ``i`` of ``batch``; its vector columns are left out of the payload.

    Raises:
        DropRow: If there is no text to embed.
        BadValue: If a value cannot be stored; names the first such column.
    """
    text = _text(mapping, batch, i)
    payload = {name: value for name, value in batch.normal_row(i).items() if name not in mapping.omitted}
    for name, value in payload.items():
        _check(name, value)
    return Record(
        row_no=batch.start + i,
        key=key,
        payload=payload,
        text=text,
        vector=None,
        search_text="\n".join([text, *_other_texts(payload, mapping.text)]),
    )


def stored_search_text(text: str, payload: Mapping[str, Json]) -> str:
    """Return the text of a stored row whose terms are indexed; which columns ``text`` was made of is not stored."""
    whole = f"\n\n{text}\n\n"
    embedded = tuple(name for name, value in payload.items() if isinstance(value, str) and f"\n\n{value}\n\n" in whole)
    return "\n".join([text, *_other_texts(payload, embedded)])


def _text(mapping: ColumnMapping, batch: BatchView, i: int) -> str:
    """Return the text to embed: the non-empty text columns, joined by blank lines."""
    parts = [_part(name, batch.columns[name][i]) for name in mapping.text]
    text = "\n\n".join(part for part in parts if part.strip())
    if not text:
        raise DropRow(f"{printable(', '.join(mapping.text))}: no text to embed")
    return text


def _part(name: str, cell: object) -> str:
    """Return the text of a cell; numbers and dates as text, so that a year may accompany a title."""
    if isinstance(cell, str):
        return str(cell)
    if is_null(cell):
        return ""
    form = None if isinstance(cell, bytes | list | tuple | dict | np.ndarray) else normal(cell)
    if not isinstance(form, str | int | float):
        raise BadValue(f"{printable(name)}: {quoted(cell)} is no text")
    _check(name, form)  # before str(), which fails for a huge integer
    return str(form)


def _check(name: str, value: Json) -> None:
    try:
        checked_text(name)
        _check_value(value, _MAX_LEVELS)
    except BadValue as fault:
        raise BadValue(f"{printable(name)}: {fault}") from fault


def _check_value(value: Json, levels: int) -> None:
    if isinstance(value, str):
        checked_text(value)
    elif isinstance(value, int) and value.bit_length() > _MAX_INTEGER_BITS:
        raise BadValue("an integer of thousands of digits")
    elif isinstance(value, list | dict):
        if not levels:
            raise BadValue(f"nested deeper than {_MAX_LEVELS} levels")
        for inner in _inside(value):
            _check_value(inner, levels - 1)


def _inside(value: list[Json] | dict[str, Json]) -> Iterator[Json]:
    if isinstance(value, dict):
        yield from value
        yield from value.values()
    else:
        yield from value


def _other_texts(payload: Mapping[str, Json], embedded: tuple[str, ...]) -> Iterator[str]:
    """Yield the row's other texts: a title or a name must find its row too."""
    for name, value in payload.items():
        if name in embedded:
            continue
        if isinstance(value, str):
            yield value
        elif isinstance(value, list):
            yield from (item for item in value if isinstance(item, str))
