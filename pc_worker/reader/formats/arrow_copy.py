"""Parquet, CSV and JSON Lines: streamed once into Arrow batches in the spool, then read by row like any table."""

from __future__ import annotations

import os
import tempfile
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from pc_worker.reader import sidecar
from pc_worker.reader.errors import Refused, broken, over_limit
from pc_worker.reader.formats import json_lines
from pc_worker.reader.formats.sniff import Format
from pc_worker.reader.kinds import judge, sample_ranges
from pc_worker.reader.layout import Layout, longs
from pc_worker.reader.limits import Limits
from pc_worker.reader.opening import Digest, Place, is_of, notes_of
from pc_worker.reader.shapes.arrow_values import kind_of, python_values
from pc_worker.reader.shapes.names import column_names
from pc_worker.reader.sidecar import ColumnNote, Notes
from pc_worker.reader.source import Fingerprint, Source
from pc_worker.reader.table import Column, Rows, Table

_BATCH_ROWS = 1024
_CSV_BLOCK = 1 << 20
_CONTAINERS = {"parquet": "Parquet table", "csv": "CSV table", "jsonl": "JSON Lines"}


def open_tabular(source: Source, content: Source, kind: Format, place: Place, limits: Limits) -> Table:
    """The table in a file that is no pickle.

    Raises:
        Refused: If the file is broken or over a limit.
        OSError: If the file cannot be read or the spool not written.
    """
    try:
        rows, notes = _rows(source, content, kind, place, limits)
    except BaseException:
        content.close()
        raise
    return Table(
        source=source,
        fingerprint=Fingerprint(notes.size, notes.mtime_ns, notes.digest),
        columns=tuple(Column(note.name, note.kind, note.dimension) for note in notes.columns),
        container=_CONTAINERS[kind],
        protocol=None,
        rows=rows,
    )


def _rows(source: Source, content: Source, kind: Format, place: Place, limits: Limits) -> tuple[Rows, Notes]:
    if kind == "jsonl":
        return json_lines.opened(source, content, place, limits)
    return _arrow_rows(source, content, kind, place, limits)


def _arrow_rows(source: Source, content: Source, kind: Format, place: Place, limits: Limits) -> tuple[Rows, Notes]:
    copy = place.file("arrow")
    try:
        _, notes = sidecar.load(place.file("index"))
        if is_of(notes, source) and copy.exists():
            return ArrowRows(content, copy), notes
    except (FileNotFoundError, sidecar.Damaged):
        pass
    digest = Digest(source)
    try:
        _copy(_batches(content, kind), copy, limits)
        rows = ArrowRows(content, copy)
    except (pa.ArrowException, ValueError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        # Arrow reports damaged data as an OSError without a number.
        raise broken(f"the {_CONTAINERS[kind]} is damaged: {_first_line(error)}") from error
    finally:
        digest.wait()
    source.check_unchanged()
    notes = notes_of(source, digest.result(), rows.notes())
    sidecar.save(place.file("index"), Layout([], None, longs(), longs(), longs(), 0), notes)
    return rows, notes


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:200]


def _batches(content: Source, kind: Format) -> Iterator[Any]:
    with os.fdopen(os.dup(content.descriptor), "rb") as file:
        file.seek(0)
        if kind == "parquet":
            yield from _parquet(file)
            return
        names = pyarrow.csv.open_csv(file, read_options=pyarrow.csv.ReadOptions(block_size=_CSV_BLOCK)).schema.names
    with os.fdopen(os.dup(content.descriptor), "rb") as file:
        file.seek(0)
        # Every cell stays text: a type guessed from the first rows would fail on a later one.
        convert = pyarrow.csv.ConvertOptions(
            column_types={name: pa.string() for name in names}, strings_can_be_null=True, null_values=[""]
        )
        options = pyarrow.csv.ReadOptions(block_size=_CSV_BLOCK)
        parse = pyarrow.csv.ParseOptions(newlines_in_values=True)
        yield from pyarrow.csv.open_csv(file, read_options=options, parse_options=parse, convert_options=convert)


def _parquet(file: Any) -> Iterator[Any]:
    table = pyarrow.parquet.ParquetFile(file, buffer_size=1 << 20, pre_buffer=False)
    yield pa.RecordBatch.from_pylist([], schema=table.schema_arrow)
    yield from table.iter_batches(batch_size=_BATCH_ROWS)


def _copy(batches: Iterable[Any], target: Path, limits: Limits) -> None:
    """Write ``batches`` to an Arrow file, whole or not at all."""
    handle, name = tempfile.mkstemp(prefix=".writing-", dir=target.parent)
    rows = 0
    try:
        with os.fdopen(handle, "wb") as file:
            writer = None
            for batch in batches:
                rows += batch.num_rows
                if rows > limits.rows or batch.num_columns > limits.columns or file.tell() > limits.output_bytes:
                    raise over_limit("the table has more rows, columns or bytes than the limits allow")
                writer = writer or pa.ipc.new_file(file, batch.schema)
                for start in range(0, batch.num_rows, _BATCH_ROWS):
                    writer.write_batch(batch.slice(start, _BATCH_ROWS))
            if writer is None:
                raise Refused("not a table", "the file has no columns")
            writer.close()
        os.replace(name, target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


class ArrowRows:
    """Rows of an Arrow file that we wrote, mapped: its pages are the file's, not this process's memory."""

    writer: str | None = None

    def __init__(self, content: Source, path: Path) -> None:
        self._content = content
        self._map = pa.memory_map(str(path))
        self._file = pa.ipc.open_file(self._map)
        self._ends: list[int] = []
        for number in range(self._file.num_record_batches):
            self._ends.append(self._file.get_batch(number).num_rows + (self._ends[-1] if self._ends else 0))
        self.rows = self._ends[-1] if self._ends else 0
        self.names = tuple(column_names(self._file.schema.names))

    def notes(self) -> tuple[ColumnNote, ...]:
        """The columns with their kinds; looks at a sample of the rows where the type does not tell."""
        return tuple(self._note(number, name) for number, name in enumerate(self.names))

    def _note(self, number: int, name: str) -> ColumnNote:
        kind = kind_of(self._file.schema.types[number])
        if kind not in ("mixed", "list", "category"):
            return ColumnNote(name, kind, getattr(self._file.schema.types[number], "list_size", None))
        cells: list[Any] = []
        for start, stop in sample_ranges(self.rows):
            cells += self.read(start, stop, (name,))[name]
        return ColumnNote(name, *judge(cells))

    def stored_bytes(self) -> dict[str, int]:
        """Nothing is known of the original file's bytes by column."""
        return {}

    def read(self, start: int, stop: int, columns: Sequence[str]) -> dict[str, Sequence[object]]:
        """Cells of rows ``start`` up to ``stop`` of the named columns."""
        cells: dict[str, list[object]] = {name: [] for name in columns}
        place = bisect_right(self._ends, start)
        while start < stop:
            batch, end = self._file.get_batch(place), self._ends[place]
            first = end - batch.num_rows
            piece = batch.slice(start - first, min(stop, end) - start)
            for name in columns:
                array = piece.column(self.names.index(name))
                cells[name] += python_values(array, kind_of(array.type))
            start, place = end, place + 1
        return dict(cells)

    def close(self) -> None:
        """Give back the descriptors."""
        self._map.close()
        self._content.close()
