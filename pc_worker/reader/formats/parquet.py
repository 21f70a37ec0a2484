"""Parquet: streamed once, in batches of rows, into the spool."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow.parquet

from pc_worker.reader.formats.arrow_copy import copy_of, file_of, reopener, without_rows, write_batches
from pc_worker.reader.formats.arrow_dictionaries import without_dictionaries
from pc_worker.reader.formats.base import Indexed, Opening, TableFormat
from pc_worker.reader.formats.memory import bounded_memory, decoded, most_memory
from pc_worker.reader.written import written

_CONTAINER = "Parquet table"


def _batches(opening: Opening, rows: int) -> Iterator[Any]:
    with file_of(opening.content) as file:
        table = pyarrow.parquet.ParquetFile(file, buffer_size=1 << 20, pre_buffer=False)
        yield from without_dictionaries(without_rows(table.schema_arrow), opening.limits)
        # One row group at a time: pyarrow cannot join the nested dictionaries of several. Batches are small, so that
        # threads would cost more than they return.
        for number in range(table.num_row_groups):
            for batch in table.iter_batches(batch_size=rows, row_groups=[number], use_threads=False):
                yield from without_dictionaries(batch, opening.limits)


def _index(opening: Opening) -> Indexed:
    def decode(rows: int) -> None:
        with bounded_memory(most_memory(opening.content)), written(opening.place.copy("arrow")) as file:
            write_batches(_batches(opening, rows), file, opening, _CONTAINER)

    decoded(_CONTAINER, opening.content, decode)
    return copy_of(opening, _CONTAINER)


FORMAT = TableFormat(_index, reopener(_CONTAINER))
