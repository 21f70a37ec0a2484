"""Reads tables out of files nobody has to trust: by chunk, in flat memory, executing nothing.

A library of its own: it imports nothing from the rest of the package. See ``docs/reader.md``.
"""

from __future__ import annotations

from pc_worker.reader.errors import Refused, SourceChanged
from pc_worker.reader.inspection import ColumnReport, Inspection, inspect_file
from pc_worker.reader.limits import Limits
from pc_worker.reader.normal import Json, normal
from pc_worker.reader.opening import open_table
from pc_worker.reader.source import Fingerprint
from pc_worker.reader.table import Batch, Column, Table
from pc_worker.reader.values import MISSING, Interval, Period, Timedelta, Timestamp

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
    "Period",
    "Refused",
    "SourceChanged",
    "Table",
    "Timedelta",
    "Timestamp",
    "inspect_file",
    "normal",
    "open_table",
]
