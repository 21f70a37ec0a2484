"""JSON Lines: one object a line, found again by the offset of every few hundredth line."""

from __future__ import annotations

import json
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Any

from pc_worker.reader.errors import Refused, broken, over_limit
from pc_worker.reader.formats.base import Index, Indexed, Opening, TableFormat
from pc_worker.reader.kinds import judge, sample_ranges
from pc_worker.reader.layout import Layout, Listing, longs
from pc_worker.reader.limits import Limits
from pc_worker.reader.sidecar import ColumnNote, Damaged
from pc_worker.reader.source import Source
from pc_worker.reader.table import dict_cells

_STEP = 1 << 20
_STRIDE = 64


def lines(content: Source, start: int, limits: Limits) -> Iterator[tuple[int, bytes]]:
    """Lines from byte ``start`` on that are not blank, each with its offset."""
    kept, at = b"", start
    for offset in range(start, content.size, _STEP):
        kept += content.read(offset, min(_STEP, content.size - offset))
        *whole, kept = kept.split(b"\n")
        if len(kept) > limits.cell_bytes:
            raise over_limit(f"a line is longer than {limits.cell_bytes} bytes", at)
        for line in whole:
            if line.strip():
                yield at, line
            at += len(line) + 1
    if kept.strip():
        yield at, kept


def parsed(line: bytes, offset: int, row: int) -> dict[str, Any]:
    """The object that ``line`` is.

    Raises:
        Refused: If it is none.
    """
    try:
        value = json.loads(line.removeprefix(b"\xef\xbb\xbf"))
    except (ValueError, RecursionError) as error:
        raise Refused("broken", f"a line is not JSON: {str(error)[:100]}", offset, row=row) from error
    if not isinstance(value, dict):
        raise Refused("not a table", "a line is JSON but no object", offset, row=row)
    return value


def _index(opening: Opening) -> Indexed:
    listing = _listing(opening.content, opening.limits)
    rows = JsonRows(opening.content, listing, opening.limits)
    return Indexed(Index(Layout([], listing, longs(), longs(), longs(), 0)), rows, rows.notes())


def _open(opening: Opening, index: Index) -> JsonRows:
    if index.layout.rows is None:
        raise Damaged
    return JsonRows(opening.content, index.layout.rows, opening.limits)


def _listing(content: Source, limits: Limits) -> Listing:
    firsts, offsets, keys, count = longs(), longs(), dict[str, None](), 0
    for offset, line in lines(content, 0, limits):
        if count % _STRIDE == 0:
            firsts.append(count)
            offsets.append(offset)
        keys.update(dict.fromkeys(parsed(line, offset, count)))
        count += 1
        if count > limits.rows or len(keys) > limits.columns:
            raise over_limit("the table has more rows or columns than the limits allow", offset)
    if count == 0:
        raise broken("the file has no line")
    return Listing(count, content.size, False, 0, firsts, offsets, array("Q"), b"", tuple(keys), count)


class JsonRows:
    """Rows of a JSON Lines file."""

    container = "JSON Lines"
    protocol: int | None = None
    writer: str | None = None

    def __init__(self, content: Source, listing: Listing, limits: Limits) -> None:
        self._content, self._listing, self._limits = content, listing, limits
        self.rows = listing.count
        self.names = tuple(str(key) for key in listing.keys)

    def notes(self) -> tuple[ColumnNote, ...]:
        """The columns with their kinds; looks at a sample of the rows."""
        cells: dict[str, list[object]] = {name: [] for name in self.names}
        for start, stop in sample_ranges(self.rows):
            for name, some in self.read(start, stop, self.names).items():
                cells[name] += some
        return tuple(ColumnNote(name, *judge(cells[name])) for name in self.names)

    def stored_bytes(self) -> dict[str, int]:
        """Lines do not tell columns apart."""
        return {}

    def read(self, start: int, stop: int, columns: Sequence[str]) -> dict[str, Sequence[object]]:
        """Cells of rows ``start`` up to ``stop`` of the named columns."""
        rows: list[dict[str, Any]] = []
        if start < stop:
            mark = bisect_right(self._listing.firsts, start) - 1
            number = self._listing.firsts[mark]
            for offset, line in lines(self._content, self._listing.offsets[mark], self._limits):
                if number >= start:
                    rows.append(parsed(line, offset, number))
                number += 1
                if number >= stop:
                    break
        return dict_cells(rows, columns)

    def close(self) -> None:
        """Give back the descriptor."""
        self._content.close()


FORMAT = TableFormat(_index, _open)
