"""What a module that reads a format offers: a file is indexed once and then opened as rows (see ``registry.py``)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from pc_worker.reader.files.source import Source
from pc_worker.reader.index.layout import Layout, longs
from pc_worker.reader.index.sidecar import ColumnNote
from pc_worker.reader.limits import Limits
from pc_worker.reader.options import ReadOptions
from pc_worker.reader.spool import SpoolEntry
from pc_worker.reader.table import Rows, Table


class Packing(Enum):
    """Formats that hold one file in a compressed form."""

    GZIP = "gzip"
    BZ2 = "bz2"
    XZ = "xz"
    ZSTD = "zstd"
    ZIP = "zip"


def _no_copies(path: Path) -> Table:
    raise LookupError(f"{path}: this format makes no copies that are tables")


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """One opening of a file.

    Attributes:
        source: The file as it was given.
        content: The same, decompressed; the code that opens it closes it.
        place: Where its index and copies are in the spool.
        limits: The budgets.
        options: What the user specified about the file.
        name: The file's name without endings such as ``.gz``; for messages, and to break ties.
        open_copy: Opens the table in a copy that this opening made in the spool, for formats that hold several.
    """

    source: Source
    content: Source
    place: SpoolEntry
    limits: Limits
    options: ReadOptions
    name: str
    open_copy: Callable[[Path], Table] = _no_copies


def no_layout() -> Layout:
    """Return the layout of a format whose rows are in the spool."""
    return Layout([], None, longs(), longs(), longs(), 0)


@dataclass(frozen=True, slots=True)
class Index:
    """What is kept of one pass over a file.

    Attributes:
        layout: Where things lie; empty if the rows are in the spool.
        details: How the file was read, such as its encoding, in words for a person.
    """

    layout: Layout = field(default_factory=no_layout)
    details: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Indexed:
    """What one pass over a file returns.

    Attributes:
        index: What is kept.
        rows: The rows, open.
        columns: The columns with their kinds.
    """

    index: Index
    rows: Rows
    columns: tuple[ColumnNote, ...]


@dataclass(frozen=True, slots=True)
class TableFormat:
    """How files of one format become rows.

    Attributes:
        index: Pass over the file once and prove it sound; may leave copies in the spool. Raises ``Rejected``.
        open: Return the rows by an index. Raises ``sidecar.Damaged`` or ``FileNotFoundError`` if what it needs is gone
            from the spool: the file is then indexed again.
    """

    index: Callable[[Opening], Indexed]
    open: Callable[[Opening, Index], Rows]
