"""The table that a file holds: its columns, and its rows from one to another."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from types import TracebackType
from typing import Any, Protocol, Self

from pc_worker.reader.cells.normal import Json, normal
from pc_worker.reader.cells.values import MISSING
from pc_worker.reader.errors import Rejected
from pc_worker.reader.files.digest import algorithm_of
from pc_worker.reader.files.source import Fingerprint, Source
from pc_worker.reader.pickle.shapes.names import row_labels


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        name: Its label as text, unique in the table.
        kind: text, int, float, bool, datetime, date, time, timedelta, decimal, bytes, uuid, complex, period,
            interval, category, list, dict, vector, null (no cell seen that is not null), unreadable (its use is
            refused) or mixed. Of columns of Python objects it is judged from a fixed sample of rows.
        dimension: Length of the vectors, for kind ``vector``: numbers, not all whole, of one length ≥ 2.
    """

    name: str
    kind: str
    dimension: int | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows ``start`` to ``start + len``, decoded.

    Attributes:
        start: Number of the first row.
        columns: Cells by column name. ``MISSING`` where a row of a list of dicts lacks the key. NaT and ``pandas.NA``
            are None; arrays are ``numpy.ndarray``; timestamps and durations are ``datetime`` and ``timedelta`` if those
            are exact, else ``Timestamp`` and ``Timedelta``.
    """

    start: int
    columns: Mapping[str, Sequence[object]]
    _rows: int
    _by_row: Sequence[Sequence[tuple[str, object]]] | None = None

    def __len__(self) -> int:
        return self._rows

    def normal_row(self, i: int) -> dict[str, Json]:
        """Return row ``i`` of this batch (from 0) in normal form; keys that the row lacks are left out."""
        if self._by_row is not None:
            return {name: normal(cell) for name, cell in self._by_row[i] if cell is not MISSING}
        cells = ((name, cells[i]) for name, cells in self.columns.items())
        return {name: normal(cell) for name, cell in cells if cell is not MISSING}


class Rows(Protocol):
    """Where a table's cells come from.

    Attributes:
        numbered: The columns that the file does not store: they are an index of evenly spaced numbers.
    """

    rows: int
    container: str
    protocol: int | None
    writer: str | None
    numbered: frozenset[str]

    def stored_bytes(self) -> dict[str, int]:
        """Return about how many bytes of the file each column takes."""
        ...

    def read(self, start: int, stop: int, columns: Sequence[str]) -> dict[str, Sequence[object]]:
        """Return the cells of rows ``start`` up to ``stop`` of the named columns."""
        ...

    def close(self) -> None:
        """Close what is open."""
        ...


class Table:
    """An open table; cheap to hold. Close it, or use it in a ``with`` statement.

    Attributes:
        rows: Number of rows.
        columns: In normal-form order: index levels first, unless the index is 0, 1, 2, …
        container: What the file holds, in words.
        protocol: The highest pickle protocol, None for other formats.
        details: How the file was read, where that was found out: encoding, delimiter and their certainty; sheet.
        fingerprint: What the file was when it was indexed.
    """

    def __init__(
        self,
        *,
        source: Source,
        fingerprint: Fingerprint,
        columns: tuple[Column, ...],
        rows: Rows,
        details: Mapping[str, str],
    ) -> None:
        self._source, self._rows = source, rows
        self.fingerprint, self.columns, self.details = fingerprint, columns, details
        self.rows, self.container, self.protocol = rows.rows, rows.container, rows.protocol
        self._names = tuple(column.name for column in columns)
        self._digests = {fingerprint.digest}

    def read(self, start: int, stop: int, columns: Collection[str] | None = None) -> Batch:
        """Return rows ``start`` up to ``stop`` (cut to the table), of all columns or of those named.

        Raises:
            SourceChanged: If the file is no longer the one that was indexed.
            KeyError: If a named column is not in the table.
            OSError: If the file cannot be read.
        """
        start, stop = max(0, start), max(0, min(stop, self.rows))
        names = self._names if columns is None else self._named(set(columns))
        try:
            cells = self._rows.read(start, max(start, stop), names)
        except Rejected:
            # A file that changed reads as a broken one; say which it is.
            self._source.check_unchanged(self.fingerprint.digest)
            raise
        self._source.check_unchanged(self.fingerprint.digest)
        rows = max(0, stop - start)
        return Batch(start, cells, rows, _by_row(cells, rows))

    def _named(self, wanted: set[str]) -> tuple[str, ...]:
        names = tuple(name for name in self._names if name in wanted)
        if len(names) < len(wanted):
            raise KeyError(f"no column named {sorted(wanted.difference(names))[0]!r}")
        return names

    def is_of(self, expected: Fingerprint) -> bool:
        """Return whether the file is the one that ``expected`` is of, also if its digest is of another algorithm.

        Raises:
            OSError, SourceChanged: If the file has to be read for it and cannot be.
        """
        own = self.fingerprint
        if (own.size, own.mtime_ns) != (expected.size, expected.mtime_ns):
            return False
        if expected.digest not in self._digests and (algorithm := algorithm_of(expected.digest)) is not None:
            self._digests.add(self._source.digest(algorithm))
        return expected.digest in self._digests

    def is_stale(self) -> bool:
        """Return whether the file must be opened again, as after its file system was mounted again."""
        return self._source.is_stale()

    @property
    def writer(self) -> str | None:
        """A guess at what wrote the file, such as ``pandas 2 with numpy 2``."""
        return self._rows.writer

    @property
    def numbered(self) -> frozenset[str]:
        """The columns that are only an index of evenly spaced numbers, which the file does not store."""
        return self._rows.numbered

    def stored_bytes(self) -> dict[str, int]:
        """Return about how many bytes of the (decompressed) file each column takes."""
        return self._rows.stored_bytes()

    def close(self) -> None:
        """Close the descriptors; reading is an error afterwards."""
        self._rows.close()
        self._source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class SparseCells(Sequence[object]):
    """The cells of a column that few of some rows have: ``MISSING`` but for those at ``there``."""

    __slots__ = ("_rows", "there")

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self.there: dict[int, object] = {}

    def __len__(self) -> int:
        return self._rows

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return [self.there.get(number, MISSING) for number in range(*place.indices(self._rows))]
        return self.there.get(range(self._rows)[place], MISSING)


def dict_cells(rows: Sequence[Any], names: Sequence[str]) -> dict[str, Sequence[object]]:
    """Return rows that are dicts as cells by column; keys that are no text are matched by their labels.

    The work grows with the cells that the rows have, not with rows times columns: each row may have its own keys.
    """
    if not set(map(type, chain.from_iterable(rows))) <= {str}:
        rows = [dict(zip(row_labels(row), row.values(), strict=True)) for row in rows]
    if len(rows) * len(names) <= _MOSTLY_PRESENT * sum(map(len, rows)):
        return {name: [row.get(name, MISSING) for row in rows] for name in names}
    absent = SparseCells(len(rows))
    cells = dict.fromkeys(names, absent)
    for number, row in enumerate(rows):
        for key, value in row.items():
            column = cells.get(key)
            if column is absent:
                column = cells[key] = SparseCells(len(rows))
            if column is not None:
                column.there[number] = value
    return dict(cells)


def _by_row(cells: Mapping[str, Sequence[object]], rows: int) -> list[list[tuple[str, object]]] | None:
    """Return the cells of each row that has them, by name; None unless most rows lack most of their columns."""
    if not any(found.__class__ is SparseCells for found in cells.values()):
        return None
    by_row: list[list[tuple[str, object]]] = [[] for _ in range(rows)]
    for name, found in cells.items():
        if found.__class__ is not SparseCells:
            for number, cell in enumerate(found):
                by_row[number].append((name, cell))
        elif found.there:
            for number, cell in found.there.items():
                by_row[number].append((name, cell))
    return by_row


#: Cells of the table for each that is there, up to which looking for each is faster than going by row.
_MOSTLY_PRESENT = 4
