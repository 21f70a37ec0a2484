"""Rows that are JSON objects in a file, found again by the offset of every few hundredth one."""

from __future__ import annotations

import json
import sys
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from pc_worker.reader.errors import Rejected, over_limit
from pc_worker.reader.files.source import Source
from pc_worker.reader.formats.base import Index, Indexed, Opening, TableFormat
from pc_worker.reader.index.layout import Layout, Listing, longs
from pc_worker.reader.index.sidecar import ColumnNote, Damaged
from pc_worker.reader.kinds import judge_columns
from pc_worker.reader.limits import Limits
from pc_worker.reader.table import dict_cells

_STRIDE = 64
#: Bytes read at a time, at most.
STEP = 1 << 20
#: Yields the objects of a file from a byte on, each with its offset; given the number of the first, for messages, and
#: how many bytes to read at a time.
Objects = Callable[[Source, int, int, Limits, int], Iterator[tuple[int, dict[str, Any]]]]


def json_format(container: str, objects: Objects) -> TableFormat:
    """Return the format whose files ``objects`` reads."""

    def index(opening: Opening) -> Indexed:
        index = index_objects(opening.content, objects, opening.limits)
        rows = reopen(opening, index)
        return Indexed(index, rows, rows.notes())

    def reopen(opening: Opening, index: Index) -> JsonRows:
        if index.layout.rows is None:
            raise Damaged
        return JsonRows(opening.content, index.layout.rows, opening.limits, objects, container)

    return TableFormat(index, reopen)


def index_objects(content: Source, objects: Objects, limits: Limits, names: Sequence[str] = ()) -> Index:
    """Return where the objects of ``content`` are; ``names`` are columns that they may have.

    Raises:
        Rejected: If one is not sound, or a limit is passed.
    """
    firsts, offsets, keys, count = longs(), longs(), dict.fromkeys(names), 0
    for offset, value in objects(content, 0, 0, limits, STEP):
        if count % _STRIDE == 0:
            firsts.append(count)
            offsets.append(offset)
        if not value.keys() <= keys.keys():
            keys.update(dict.fromkeys(value))
        count += 1
        if count > limits.rows or len(keys) > limits.columns:
            raise over_limit("the table has more rows or columns than the limits allow", offset)
    listing = Listing(count, content.size, False, 0, firsts, offsets, array("Q"), b"", tuple(keys), count)
    return Index(Layout([], listing, longs(), longs(), longs(), 0))


class JsonRows:
    """Rows of a file of JSON objects."""

    protocol: int | None = None
    writer: str | None = None
    numbered: frozenset[str] = frozenset()

    def __init__(self, content: Source, listing: Listing, limits: Limits, objects: Objects, container: str) -> None:
        self._content, self._listing, self._limits, self._objects = content, listing, limits, objects
        self.container, self.rows = container, listing.count
        self.names = tuple(str(key) for key in listing.keys)

    def notes(self) -> tuple[ColumnNote, ...]:
        """Return the columns with their kinds; looks at a sample of the rows."""
        judged = judge_columns(self.names, self.rows, self.read)
        return tuple(ColumnNote(name, *judged[name]) for name in self.names)

    def stored_bytes(self) -> dict[str, int]:
        """Return nothing: objects do not distinguish columns."""
        return {}

    def read(self, start: int, stop: int, columns: Sequence[str]) -> dict[str, Sequence[object]]:
        """Return the cells of rows ``start`` up to ``stop`` of the named columns."""
        rows: list[dict[str, Any]] = []
        if start < stop:
            listing = self._listing
            mark, after = bisect_right(listing.firsts, start) - 1, bisect_left(listing.firsts, stop)
            first, begin = listing.firsts[mark], listing.offsets[mark]
            end = listing.offsets[after] if after < len(listing.offsets) else self._content.size
            steps = -(-(end - begin) // STEP)
            step = -(-(end - begin) // steps)  # equal ones, which end where the rows end
            self._content.expect([(begin, begin + steps * step)])
            found = self._objects(self._content, begin, first, self._limits, step)
            for number, (_, value) in enumerate(found, first):
                if number >= start:
                    rows.append(value)
                if number + 1 >= stop:
                    break
        return dict_cells(rows, columns)

    def close(self) -> None:
        """Close the descriptor."""
        self._content.close()


def fault(error: ValueError) -> str:
    """Return what a JSON decoder found, and what to do."""
    if not isinstance(error, json.JSONDecodeError):
        return f"a number has more than {sys.get_int_max_str_digits()} digits; write it as text"
    if error.msg == "Extra data":
        return f"something follows it at column {error.colno}; put each object in a line of its own, without a comma"
    return f"{error.msg} at line {error.lineno}, column {error.colno}"[:100]


def too_deep(limits: Limits, offset: int, row: int) -> Rejected:
    """Return the error for an object whose values nest too deep."""
    return Rejected("over a limit", f"a value nests deeper than {limits.depth} levels", offset, row=row)


def check_depth(value: object, limits: Limits, offset: int, row: int) -> None:
    """Check that the values of an object do not nest too deep.

    Raises:
        Rejected: If they do.
    """
    level = [value]
    for _ in range(limits.depth + 1):
        level = [item for held in level for item in _items(held)]
        if not level:
            return
    raise too_deep(limits, offset, row)


def _items(value: object) -> Sequence[object]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else ()
