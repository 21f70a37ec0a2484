"""Says what a person wants to know of a file before ingesting it, without loading or executing it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pc_worker.reader.cells.normal import Json, normal
from pc_worker.reader.cells.values import MISSING
from pc_worker.reader.errors import Rejected
from pc_worker.reader.files.source import OpenFile
from pc_worker.reader.limits import Limits
from pc_worker.reader.opening import open_table
from pc_worker.reader.options import ReadOptions
from pc_worker.reader.spread_vectors import ExplodedVector, exploded_vectors
from pc_worker.reader.table import Column, Table

_DEFAULT_LIMITS = Limits()
_NO_OPTIONS = ReadOptions()
_SAMPLES, _SAMPLE_ROWS = 3, 50
_SHOWN = 80


@dataclass(frozen=True, slots=True)
class ColumnReport:
    """What is known of one column.

    Attributes:
        column: Name, kind and dimension.
        samples: Up to three different cells that are not null, in normal form, cut to be read at a glance.
        stored_bytes: About how many bytes of the file it takes; 0 where columns cannot be distinguished.
    """

    column: Column
    samples: tuple[Json, ...]
    stored_bytes: int


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a file holds.

    Attributes:
        verdict: ``readable``, or why it is refused in one line.
        error: The error, None if the file is readable.
        container, rows, protocol, writer: See ``Table``; None or 0 if refused.
        columns: The columns in order.
        details: See ``Table``.
    """

    path: str
    size: int
    verdict: str
    error: Rejected | None = None
    container: str | None = None
    rows: int = 0
    protocol: int | None = None
    writer: str | None = None
    columns: tuple[ColumnReport, ...] = ()
    details: Mapping[str, str] = field(default_factory=dict)

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of the columns, to find the domain that fits."""
        return tuple(report.column.name for report in self.columns)

    @property
    def exploded(self) -> tuple[ExplodedVector, ...]:
        """Vectors that are spread over columns."""
        return exploded_vectors((report.column.name, report.column.kind) for report in self.columns)

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as one JSON document."""
        return {
            "path": self.path,
            "size": self.size,
            "verdict": self.verdict,
            "refused": None if self.error is None else _rejection(self.error),
            "container": self.container,
            "rows": self.rows,
            "protocol": self.protocol,
            "writer": self.writer,
            **{name: self.details.get(name) for name in ("encoding", "delimiter", "sheet", "note")},
            "certainty": float(self.details["certainty"]) if "certainty" in self.details else None,
            "columns": [_column(report) for report in self.columns],
            "exploded_vectors": {found.pattern: len(found.columns) for found in self.exploded},
            "vectors": {r.column.name: r.column.dimension for r in self.columns if r.column.kind == "vector"},
        }


def _rejection(error: Rejected) -> dict[str, Json]:
    return {
        "kind": error.kind,
        "reason": error.reason,
        "offset": error.offset,
        "column": error.column,
        "row": error.row,
    }


def _column(report: ColumnReport) -> dict[str, Any]:
    column = report.column
    return {
        "name": column.name,
        "kind": column.kind,
        "dimension": column.dimension,
        "samples": list(report.samples),
        "bytes": report.stored_bytes,
    }


def inspect_file(
    path: str | os.PathLike[str],
    *,
    spool: Path,
    limits: Limits = _DEFAULT_LIMITS,
    fd: int | OpenFile | None = None,
    options: ReadOptions = _NO_OPTIONS,
) -> Inspection:
    """Return what the file at ``path`` holds; a refused file is an answer here, not an error.

    Raises:
        SourceChanged: If the file changes meanwhile.
        OSError: If the file cannot be read.
    """
    name = os.fspath(path)
    size = os.stat(name if fd is None else fd).st_size if fd is None or isinstance(fd, int) else fd.stamp().size
    try:
        with open_table(path, spool=spool, limits=limits, fd=fd, options=options) as table:
            return Inspection(
                name,
                size,
                "readable",
                container=table.container,
                rows=table.rows,
                protocol=table.protocol,
                writer=table.writer,
                columns=_reports(table),
                details=table.details,
            )
    except Rejected as error:
        return Inspection(name, size, f"refused: {error}", error)


def _cells(table: Table) -> Mapping[str, Sequence[object]]:
    """Return the first rows' cells by column, without the columns that cannot be read: only their use would refuse."""
    try:
        return table.read(0, _SAMPLE_ROWS).columns
    except Rejected as error:
        if error.column is None:
            raise
    found: dict[str, Sequence[object]] = {}
    for column in table.columns:
        with suppress(Rejected):
            found.update(table.read(0, _SAMPLE_ROWS, [column.name]).columns)
    return found


def _reports(table: Table) -> tuple[ColumnReport, ...]:
    cells, sizes = _cells(table), table.stored_bytes()
    return tuple(
        ColumnReport(_seen(column, cells), _samples(cells.get(column.name, ())), sizes.get(column.name, 0))
        for column in table.columns
    )


def _seen(column: Column, cells: Mapping[str, object]) -> Column:
    """Return the column as its first rows show it: a type that is read may have values that are not."""
    return column if column.name in cells else Column(column.name, "unreadable")


def _samples(cells: Any) -> tuple[Json, ...]:
    samples: list[Json] = []
    for cell in cells:
        value = None if cell is MISSING else _cut(normal(cell))
        if value is not None and value not in samples:
            samples.append(value)
        if len(samples) == _SAMPLES:
            break
    return tuple(samples)


def _cut(value: Json) -> Json:
    if isinstance(value, str) and len(value) > _SHOWN:
        return value[: _SHOWN - 1] + "…"
    if isinstance(value, list) and len(value) > _SAMPLES:
        return [*(_cut(item) for item in value[:_SAMPLES]), "…"]
    return value
