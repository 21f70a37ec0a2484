"""Reads tables from untrusted files: by chunk, in flat memory, executing nothing.

A separate library: it imports nothing from the rest of the package. See ``docs/explanation/reader.md``.

The modules that open files are imported when they are first used: code that only needs values does without.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from pc_worker.reader.cells.normal import Json, normal
from pc_worker.reader.cells.values import MISSING, Interval, Period, Timedelta, Timestamp
from pc_worker.reader.errors import Rejected, SourceChanged
from pc_worker.reader.limits import Limits
from pc_worker.reader.options import ReadOptions
from pc_worker.reader.spread_vectors import exploded_columns

if TYPE_CHECKING:
    from pc_worker.reader.files.source import Fingerprint, LocalFile, OpenFile, Stamp
    from pc_worker.reader.inspection import ColumnReport, Inspection, inspect_file
    from pc_worker.reader.opening import copies_of, index_path, open_table
    from pc_worker.reader.table import Batch, Column, Table

__all__ = [
    "MISSING",
    "Batch",
    "Column",
    "ColumnReport",
    "Fingerprint",
    "Inspection",
    "Interval",
    "Json",
    "Limits",
    "LocalFile",
    "OpenFile",
    "Period",
    "ReadOptions",
    "Rejected",
    "SourceChanged",
    "Stamp",
    "Table",
    "Timedelta",
    "Timestamp",
    "copies_of",
    "exploded_columns",
    "index_path",
    "inspect_file",
    "normal",
    "open_table",
]

_LATER = {
    **dict.fromkeys(("ColumnReport", "Inspection", "inspect_file"), "inspection"),
    **dict.fromkeys(("Batch", "Column", "Table"), "table"),
    **dict.fromkeys(("Fingerprint", "LocalFile", "OpenFile", "Stamp"), "files.source"),
    **dict.fromkeys(("copies_of", "index_path", "open_table"), "opening"),
}


def __getattr__(name: str) -> Any:
    """Load what is asked for: the file that has it, with all that this one needs."""
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_LATER[name]}"), name)
