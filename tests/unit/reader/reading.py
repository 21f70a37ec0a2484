"""How these tests read a file: by chunks, through a fresh index and again through the kept one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pc_worker.reader import Table, open_table


def rows_of(table: Table, *, chunk: int = 300) -> list[dict[str, Any]]:
    """Return all rows in normal form, read ``chunk`` at a time."""
    rows: list[dict[str, Any]] = []
    for start in range(0, table.rows, chunk):
        batch = table.read(start, start + chunk)
        rows += [batch.normal_row(number) for number in range(len(batch))]
    return rows


def read_twice(path: Path, spool: Path, *, chunk: int = 300) -> list[dict[str, Any]]:
    """Return all rows; a second reading, with the index that the first one stored, must return the same."""
    with open_table(path, spool=spool) as table:
        first = rows_of(table, chunk=chunk)
    with open_table(path, spool=spool) as table:
        assert rows_of(table, chunk=chunk) == first
    return first


def read_bytes(data: bytes, folder: Path, *, chunk: int = 300) -> list[dict[str, Any]]:
    """Return all rows of a file that holds ``data``."""
    path = folder / "table"
    path.write_bytes(data)
    return read_twice(path, folder, chunk=chunk)
