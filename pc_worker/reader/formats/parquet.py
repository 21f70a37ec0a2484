"""Parquet: streamed once, in batches of rows, into the spool."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow.parquet

from pc_worker.reader.errors import Rejected, broken
from pc_worker.reader.files.written import written
from pc_worker.reader.formats.arrow_copy import copy_of, file_of, reopener, without_rows, write_batches
from pc_worker.reader.formats.arrow_dictionaries import without_dictionaries
from pc_worker.reader.formats.base import Indexed, Opening, TableFormat
from pc_worker.reader.formats.memory import bounded_memory, decoded, most_memory

_CONTAINER = "Parquet table"


def _batches(opening: Opening, rows: int) -> Iterator[Any]:
    with file_of(opening.content) as file:
        table = pyarrow.parquet.ParquetFile(file, buffer_size=1 << 20, pre_buffer=False)
        yield from without_dictionaries(without_rows(table.schema_arrow), opening.limits)
        read = 0
        for number in range(table.num_row_groups):
            for batch in _row_group(table, number, rows):
                read += batch.num_rows
                yield from without_dictionaries(batch, opening.limits)
        if read < table.metadata.num_rows:  # there are writers that state fewer, or none
            raise _missing("it", table.metadata.num_rows, read)


def _row_group(table: Any, number: int, rows: int) -> Iterator[Any]:
    """Yield one row group: pyarrow cannot join the nested dictionaries of several, and ends early in a damaged one."""
    read = 0
    # Batches are small, so that threads would cost more than they return.
    for batch in table.iter_batches(batch_size=rows, row_groups=[number], use_threads=False):
        read += batch.num_rows
        yield batch
    if read != (stated := table.metadata.row_group(number).num_rows):
        raise _missing(f"row group {number}", stated, read)


def _missing(part: str, stated: int, read: int) -> Rejected:
    reason = f"{part} should have {stated} rows, and {read} can be read"
    return broken(f"the {_CONTAINER} is damaged: {reason}; copy the file again, or export it again")


def _index(opening: Opening) -> Indexed:
    def decode(rows: int) -> None:
        with bounded_memory(most_memory(opening.content)), written(opening.place.copy("arrow")) as file:
            write_batches(_batches(opening, rows), file, opening, _CONTAINER)

    decoded(_CONTAINER, opening.content, decode)
    return copy_of(opening, _CONTAINER)


FORMAT = TableFormat(_index, reopener(_CONTAINER))
