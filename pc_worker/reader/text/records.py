"""Splits delimited text into cells, window by window, by arrays of positions; nothing is lost silently.

The rules are those of RFC 4180. A quoted cell ends with a quote that a delimiter or a line end follows; two quotes in
it are one. A quote inside a cell that does not begin with one is a plain character, unless it closes the cell: then
the opening one is most likely missing. Every record has as many cells as the header. Blank lines are no records.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from pc_worker.reader.errors import Rejected, over_limit
from pc_worker.reader.text.decode import Undecodable

_LF, _CR, _QUOTE = 10, 13, 34
#: Bytes from which on a window is split.
_WINDOW = 1 << 20

Positions = np.ndarray[Any, np.dtype[np.int64]]  # byte offsets, shape (n,)
Bytes = np.ndarray[Any, np.dtype[np.uint8]]  # shape (bytes,)


@dataclass(frozen=True, slots=True)
class RecordCells:
    """Cells of whole records, one after another.

    Attributes:
        data: Their bytes, without delimiters and quotes.
        ends: Where each cell ends in ``data``, int64 (n,).
        width: Cells of each record.
    """

    data: bytes
    ends: Positions
    width: int

    def __len__(self) -> int:
        return len(self.ends) // self.width

    def head(self) -> list[str]:
        """Return the cells of the first record as labels; an empty one is named by its place, as pandas does."""
        ends = [int(end) for end in self.ends[: self.width]]
        cells = [str(self.data[start:end], "utf-8") for start, end in zip([0, *ends], ends, strict=False)]
        return [cell or f"Unnamed: {place}" for place, cell in enumerate(cells)]

    def rest(self) -> RecordCells:
        """Return all but the first record."""
        start = int(self.ends[self.width - 1])
        return RecordCells(self.data[start:], self.ends[self.width :] - start, self.width)


class Splitter:
    """Splits a stream of UTF-8 text.

    Args:
        parts: The text; may raise ``Undecodable`` after all that could be decoded.
        delimiter: The byte between cells.
        most_bytes: Bytes of one record at most.
        most_cells: Cells of one record at most.
    """

    def __init__(self, pieces: Iterator[bytes], delimiter: int, *, most_bytes: int, most_cells: int) -> None:
        self._pieces, self._delimiter = pieces, delimiter
        self._most_bytes, self._most_cells = most_bytes, most_cells
        self.width = 0
        #: Records before the window, the header included, and lines.
        self.records = self.lines = 0

    def __iter__(self) -> Iterator[RecordCells]:
        """Yield the records of each window, the header among the first.

        Raises:
            Rejected: With line and column, if quotes or widths do not fit.
        """
        kept = b""
        for window, final in self._windows():
            data = kept + window
            if final and data and data[-1] not in (_LF, _CR):
                data += b"\n"
            cells, used = self._split(data, final=final)
            if cells is not None:
                yield cells
            kept = data[used:]
            self._wanted = max(_WINDOW, len(kept))
            if len(kept) > self._most_bytes:
                raise self._too_long(kept)

    _wanted = _WINDOW

    def _windows(self) -> Iterator[tuple[bytes, bool]]:
        """Yield the text in steps; each is as long as what is still unsplit, so that long records cost no square."""
        held: list[bytes] = []
        length = 0
        failure: Undecodable | None = None
        while True:
            try:
                piece = next(self._pieces, None)
            except Undecodable as error:
                piece, failure = None, error
            if piece is None:
                break
            held.append(piece)
            length += len(piece)
            if length >= self._wanted:
                yield b"".join(held), False
                held, length = [], 0
        yield b"".join(held), failure is None
        if failure is not None:
            raise failure.rejection(row=self.records - 1, line=self.lines + 1)

    def _split(self, data: bytes, *, final: bool) -> tuple[RecordCells | None, int]:
        """Return the whole records in ``data``, and how many bytes they take."""
        # What follows a quote or a carriage return decides what it means.
        known = len(data) if final else len(data.rstrip(b'"\r'))
        array = np.frombuffer(data, np.uint8)[:known]
        quotes = self._quotes(data, array) if b'"' in data else _NONE
        ends = _outside(_line_ends(data, array), quotes)
        used = int(ends[-1]) + 1 if len(ends) else 0
        if final and used < len(data):
            raise self._unclosed(data, quotes)
        if not used:
            return None, 0
        quotes = quotes[: np.searchsorted(quotes, used)]
        return self._cells(data, array[:used], ends, quotes), used

    def _cells(self, data: bytes, array: Bytes, ends: Positions, quotes: Positions) -> RecordCells | None:
        delimiters = _outside(np.flatnonzero(array == self._delimiter), quotes)
        starts = np.concatenate((_ZERO, ends[:-1] + 1))
        returned = (ends > starts) & (array[ends] == _LF) & (array[ends - 1] == _CR)
        filled = ends - starts > returned
        self._check_widths(data, starts, filled, np.diff(np.searchsorted(delimiters, ends), prepend=0) + 1)
        self.records += int(filled.sum())
        self.lines += _lines_in(data[: len(array)]) if len(quotes) else len(ends)
        if not filled.any():
            return None
        cells = _merged(delimiters, ends if filled.all() else ends[filled])
        dropped = _merged(delimiters, ends, ends[returned] - 1, _syntax(quotes))
        keep = np.ones(len(array), bool)
        keep[dropped] = False
        before = np.arange(len(cells)) if len(cells) == len(dropped) else np.searchsorted(dropped, cells)
        return RecordCells(array[keep].tobytes(), cells - before, self.width)

    def _check_widths(self, data: bytes, starts: Positions, filled: Any, widths: Positions) -> None:
        if not self.width and filled.any():
            self.width = int(widths[filled.argmax()])
            if self.width > self._most_cells:
                raise over_limit(f"the header has {self.width} columns and the limit is {self._most_cells}")
        wrong = filled & (widths != self.width)
        if wrong.any():
            first = int(wrong.argmax())
            line, _ = self._place(data, int(starts[first]))
            have, want = _counted(int(widths[first])), _counted(self.width)
            row = self.records + int(filled[:first].sum()) - 1
            raise Rejected("broken", f"line {line} has {have} and the header has {want}", row=row)

    def _quotes(self, data: bytes, array: Bytes) -> Positions:
        """Return the quotes that begin and end cells, and those inside them, in pairs of opening and closing."""
        quotes = np.flatnonzero(array == _QUOTE)
        if not len(quotes):
            return quotes
        separates = np.zeros(256, bool)
        separates[[self._delimiter, _LF, _CR]] = True
        opening, closing = quotes[::2], quotes[1::2]
        again = opening[1:] == closing[: len(opening) - 1] + 1
        begins = (opening == 0) | separates[array[opening - 1]]
        begins[1:] |= again
        stops = separates[array[np.minimum(closing + 1, len(array) - 1)]]
        stops[: len(again)] |= again
        return quotes if begins.all() and stops.all() else self._told_apart(data, quotes)

    def _told_apart(self, data: bytes, quotes: Positions) -> Positions:
        """Return the quotes that are no plain characters, found one by one."""
        separators = bytes((self._delimiter, _LF, _CR))
        found: list[int] = []
        inside, opened, run, last = False, 0, 0, -1
        places = iter(quotes.tolist())
        for at in places:
            after = data[at + 1 : at + 2]
            if inside:
                found.append(at)
                if after == b'"':
                    found.append(next(places, at + 1))
                elif after and after not in separators:
                    raise self._misplaced(data, opened, at, "goes on after its closing quote at")
                else:
                    inside = False
            elif at == 0 or data[at - 1] in separators:
                found.append(at)
                inside, opened = True, at
            else:
                new = last < 0 or any(byte in separators for byte in data[last + 1 : at])
                run, last = (1 if new else run + 1), at
                if run % 2 and (not after or after in separators):
                    start = max(data.rfind(separators[n : n + 1], 0, at) for n in range(3)) + 1
                    raise self._misplaced(data, start, at, "begins without a quote and ends with one at")
        return np.array(found, np.int64)

    def _place(self, data: bytes, at: int) -> tuple[int, int]:
        """Return line and column, both from 1, of a place in the window."""
        before = data[:at]
        start = max(before.rfind(b"\n"), before.rfind(b"\r")) + 1
        return self.lines + _lines_in(before) + 1, len(str(before[start:], "utf-8", "replace")) + 1

    def _unclosed(self, data: bytes, quotes: Positions) -> Rejected:
        last = len(quotes) - 1
        while last > 0 and quotes[last] == quotes[last - 1] + 1:  # two quotes in the cell
            last -= 2
        line, column = self._place(data, int(quotes[last]))
        return Rejected("broken", f"the quote at line {line}, column {column} is never closed")

    def _misplaced(self, data: bytes, start: int, at: int, what: str) -> Rejected:
        (line, column), (there, place) = self._place(data, start), self._place(data, at)
        reason = f"the cell at line {line}, column {column} {what} line {there}, column {place}"
        return Rejected("broken", f"{reason}; a quote inside a quoted cell is written twice")

    def _too_long(self, data: bytes) -> Rejected:
        opened = data.find(b'"')
        hint = (
            ""
            if opened < 0
            else "; is the quote at line {}, column {} never closed?".format(*self._place(data, opened))
        )
        line = self.lines + 1
        return over_limit(f"the record at line {line} is longer than {self._most_bytes} bytes{hint}")


_NONE: Positions = np.zeros(0, np.int64)
_ZERO: Positions = np.zeros(1, np.int64)


def _counted(cells: int) -> str:
    return f"{cells} cell" if cells == 1 else f"{cells} cells"


def _line_ends(data: bytes, array: Bytes) -> Positions:
    """Return where lines end: line feeds, and carriage returns that none follows."""
    feeds = np.flatnonzero(array == _LF)
    if b"\r" not in data:
        return feeds
    returns = np.flatnonzero(array == _CR)
    alone = returns[array[np.minimum(returns + 1, len(array) - 1)] != _LF]
    return _merged(feeds, alone)


def _merged(*places: Positions) -> Positions:
    merged: Positions = np.sort(np.concatenate(places), kind="stable")
    return merged


def _outside(places: Positions, quotes: Positions) -> Positions:
    """Return the places that are not inside quotes."""
    if not len(quotes) or not len(places):
        return places
    outside: Positions = places[np.searchsorted(quotes, places) % 2 == 0]
    return outside


def _syntax(quotes: Positions) -> Positions:
    """Return the quotes that are no content: all but the second of two in a cell."""
    second = np.zeros(len(quotes), bool)
    second[2::2] = quotes[2::2] == quotes[1:-1:2] + 1
    return quotes[~second]


def _lines_in(data: bytes) -> int:
    returns = data.count(b"\r")
    return data.count(b"\n") + (returns - data.count(b"\r\n") if returns else 0)
