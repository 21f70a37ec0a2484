"""Formats that are streamed once into Arrow batches in the spool, then read by row like any table."""

from __future__ import annotations

import os
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from pc_worker.reader.errors import Rejected, broken, not_a_table, over_limit
from pc_worker.reader.files.source import Source
from pc_worker.reader.files.written import written
from pc_worker.reader.formats.arrow_texts import check_utf8
from pc_worker.reader.formats.base import Index, Indexed, Opening, TableFormat
from pc_worker.reader.formats.memory import USUAL_ROWS as BATCH_ROWS
from pc_worker.reader.formats.memory import memory_is_bounded
from pc_worker.reader.formats.pandas_notes import index_levels, pandas_values
from pc_worker.reader.formats.unsupported import encrypted
from pc_worker.reader.index.sidecar import ColumnNote, Damaged
from pc_worker.reader.kinds import judge_columns
from pc_worker.reader.pickle.shapes.arrow_cells import arrow_kind, converter, dimension_of
from pc_worker.reader.pickle.shapes.names import column_names, index_names

_NONE = range(0)
#: Arrow's words for a way of compression that it knows and was not built with, or does not know.
_NOT_READ = re.compile(r"LZO compression is supported|[Uu]nsupported compression codec|Support for codec")


def copied_format(container: str, batches: Callable[[Opening], Iterable[Any]]) -> TableFormat:
    """Return the format whose files ``batches`` returns as record batches, the first at least with the schema."""
    return TableFormat(lambda opening: copied(opening, container, batches(opening)), reopener(container))


def copied(opening: Opening, container: str, batches: Iterable[Any]) -> Indexed:
    """Write ``batches`` to the spool, and return their rows."""
    with written(opening.place.copy("arrow")) as file:
        write_batches(batches, file, opening, container)
    return copy_of(opening, container)


def copy_of(opening: Opening, container: str) -> Indexed:
    """Return the rows of the copy that was just written."""
    with damage_named(container, CopyProgress()):
        rows = ArrowRows(opening.content, opening.place.copy("arrow"), container)
    return Indexed(Index(), rows, rows.notes())


def reopener(container: str) -> Callable[[Opening, Index], ArrowRows]:
    """Return what opens the rows that ``copied`` wrote."""

    def reopen(opening: Opening, index: Index) -> ArrowRows:
        del index  # all of it is in the copy
        try:
            return ArrowRows(opening.content, opening.place.copy("arrow"), container)
        except pa.ArrowException as error:
            raise Damaged from error

    return reopen


@dataclass(slots=True)
class CopyProgress:
    """How much of a file has been read."""

    rows: int = 0


@contextmanager
def damage_named(container: str, progress: CopyProgress) -> Iterator[None]:
    """Turn what Arrow says of damaged data into an error that says where it is."""
    try:
        yield
    except (pa.ArrowException, ValueError, OSError, MemoryError) as error:
        if memory_is_bounded() and isinstance(error, MemoryError):
            raise
        # Arrow reports damaged data as an OSError without a number, and lengths that cannot be as a lack of memory.
        if isinstance(error, OSError) and error.errno is not None:
            raise
        if "decrypt" in str(error):  # a Parquet file may be encrypted but for its list of columns
            raise encrypted() from error
        if _NOT_READ.search(str(error)):
            raise not_a_table(f"the {container} is compressed in a way that is not read: write it with zstd") from error
        if isinstance(error, pa.ArrowNotImplementedError):
            reason = "uses a type or an encoding that is not read: write it again with pyarrow or pandas"
            raise not_a_table(f"the {container} {reason}") from error
        where = f"after its first {progress.rows} rows" if progress.rows else "before its first row"
        reason = f"the {container} is damaged or cut short {where}: copy the file again, or export it again"
        raise broken(reason) from error


@contextmanager
def file_of(content: Source) -> Iterator[Any]:
    """Open ``content`` as a separate binary file, at its start."""
    with os.fdopen(os.dup(content.descriptor), "rb") as file:
        file.seek(0)
        yield file


def write_batches(batches: Iterable[Any], file: IO[bytes], opening: Opening, container: str) -> None:
    """Write ``batches`` as an Arrow file.

    Raises:
        Rejected: If they are damaged, over a limit, or have no columns.
    """
    progress, writer = CopyProgress(), None
    with damage_named(container, progress):
        for batch in batches:
            _check_cost(progress.rows + batch.num_rows, batch.num_columns, file.tell() + batch.nbytes, opening)
            check_utf8(batch, progress.rows)
            writer = writer or pa.ipc.new_file(file, batch.schema)
            for start in range(0, batch.num_rows, BATCH_ROWS):
                writer.write_batch(batch.slice(start, BATCH_ROWS))
            progress.rows += batch.num_rows
        if writer is None:
            raise Rejected("not a table", "the file has no columns")
        writer.close()


def without_rows(schema: Any) -> Any:
    """Return a batch of a schema without rows; not of ``pa.array([])``, which loads pandas to ask about the list.

    Raises:
        Rejected: If pyarrow has no class for a column's type.
    """
    columns = []
    for name, kind in zip(schema.names, schema.types, strict=True):
        try:
            if _holds_union(kind):  # pyarrow may end the process over one
                raise KeyError(name)
            columns.append(pa.nulls(0, kind))
        except (KeyError, pa.ArrowNotImplementedError) as error:
            reason = f"column `{name}` holds {str(kind)[:80]} values that are not read; leave it out"
            raise Rejected("not a table", reason, column=name) from error
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _holds_union(kind: Any) -> bool:
    """Return whether a type is a union, or holds one at any depth."""
    if isinstance(kind, pa.BaseExtensionType):
        return _holds_union(kind.storage_type)
    if pa.types.is_dictionary(kind):
        return _holds_union(kind.value_type)
    inner = [kind.field(number).type for number in range(kind.num_fields)]
    return bool(pa.types.is_union(kind)) or any(map(_holds_union, inner))


def _check_cost(rows: int, columns: int, written: int, opening: Opening) -> None:
    """Check the same budgets that hold for pickles and for what is unpacked.

    Raises:
        Rejected: If one is spent.
    """
    limits, size = opening.limits, opening.source.size
    if rows > limits.rows or columns > limits.columns or written > limits.output_bytes:
        raise over_limit("the table has more rows, columns or bytes than the limits allow")
    if rows > max(limits.rows_free, limits.rows_per_byte * size):
        raise over_limit(f"the table has more than {limits.rows_per_byte} rows for each byte of the file")
    if written > max(limits.ratio_free_bytes, limits.ratio * size):
        raise over_limit(f"the table expands to more than {limits.ratio} times the size of the file")


class ArrowRows:
    """Rows of an Arrow file that we wrote, mapped: its pages are the file's, not this process's memory."""

    protocol: int | None = None
    writer: str | None = None

    def __init__(self, content: Source, path: Path, container: str) -> None:
        self._content, self.container = content, container
        self._map = pa.memory_map(str(path))
        self._file = pa.ipc.open_file(self._map)
        self._ends: list[int] = []
        for number in range(self._file.num_record_batches):
            self._ends.append(self._file.get_batch(number).num_rows + (self._ends[-1] if self._ends else 0))
        self.rows = self._ends[-1] if self._ends else 0
        self._unreadable: set[str] = set()
        self._numbers: dict[str, range] = {}
        self._columns: dict[str, tuple[int, Callable[[Any], list[Any]]]] = {}
        self._kinds: dict[str, tuple[str, int | None]] = {}
        self._take(self._file.schema)
        self.names = tuple(self._kinds)
        self.numbered = frozenset(self._numbers)
        self._last: tuple[int, Any] = (-1, None)

    def _take(self, schema: Any) -> None:
        """Take the columns of the schema, the index first, with their kinds."""
        levels = index_levels(schema, self.rows)
        of_index = {level.column for level in levels}
        places = [place for place in range(len(schema.names)) if place not in of_index]
        names = column_names([schema.names[place] for place in places])
        for name, level in zip(index_names([level.label for level in levels], names), levels, strict=True):
            if level.numbers is not None:
                self._numbers[name], self._kinds[name] = level.numbers, ("int", None)
            elif level.column is not None:
                self._take_column(name, level.column, schema.field(level.column))
        for name, place in zip(names, places, strict=True):
            self._take_column(name, place, schema.field(place))

    def _take_column(self, name: str, place: int, field: Any) -> None:
        convert, found = converter(field.type), pandas_values(field)
        if found is None:
            self._columns[name] = place, convert
            self._kinds[name] = arrow_kind(field.type), dimension_of(field.type)
            return
        value = found.value
        self._kinds[name] = found.kind, None
        self._columns[name] = place, lambda array: [None if cell is None else value(cell) for cell in convert(array)]

    def notes(self) -> tuple[ColumnNote, ...]:
        """Return the columns with their kinds; looks at a sample of the rows where the type does not determine it."""
        told = dict(self._kinds)
        asked = tuple(name for name, (kind, _) in told.items() if kind in ("mixed", "list", "category"))
        told.update(judge_columns(asked, self.rows, self._read_what_can_be))
        told.update({name: ("unreadable", None) for name in asked if name in self._unreadable})
        return tuple(ColumnNote(name, *told[name]) for name in self.names)

    def stored_bytes(self) -> dict[str, int]:
        """Return nothing: the original file's bytes by column are unknown."""
        return {}

    def read(self, start: int, stop: int, columns: Sequence[str]) -> dict[str, Sequence[object]]:
        """Return the cells of rows ``start`` up to ``stop`` of the named columns."""
        cells: dict[str, list[object]] = {name: list(self._numbers.get(name, _NONE)[start:stop]) for name in columns}
        stored = [name for name in columns if name not in self._numbers]
        place = bisect_right(self._ends, start)
        while start < stop:
            batch, end = self._batch(place), self._ends[place]
            first = end - batch.num_rows
            piece = batch.slice(start - first, min(stop, end) - start)
            for name in stored:
                cells[name] += self._cells(piece, name)
            start, place = end, place + 1
        return dict(cells)

    def _batch(self, place: int) -> Any:
        """Return a batch of the file; the last is kept, as the next rows are most likely in it too."""
        if self._last[0] != place:
            self._last = place, self._file.get_batch(place)
        return self._last[1]

    def _cells(self, piece: Any, name: str) -> list[Any]:
        number, convert = self._columns[name]
        array = piece.column(number)
        try:
            return convert(array)
        except (pa.ArrowException, ValueError, TypeError, ArithmeticError) as error:
            reason = f"column `{name}` holds {str(array.type)[:80]} values that are not read; leave it out"
            raise Rejected("not a table", reason, column=name) from error

    def _read_what_can_be(self, start: int, stop: int, columns: Sequence[str]) -> dict[str, Sequence[object]]:
        """Read like ``read``, without the columns that hold types which are not read; note those."""
        try:
            return self.read(start, stop, columns)
        except Rejected as error:
            if error.column is None or len(columns) == 1:
                self._unreadable.update(columns)
                return {}
        found: dict[str, Sequence[object]] = {}
        for name in columns:
            if name not in self._unreadable:
                found.update(self._read_what_can_be(start, stop, (name,)))
        return found

    def close(self) -> None:
        """Close the descriptors."""
        self._last = -1, None
        self._map.close()
        self._content.close()
