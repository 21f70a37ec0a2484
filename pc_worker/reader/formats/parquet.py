"""Parquet: streamed once, in batches of rows, into the spool."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow.parquet

from pc_worker.reader.formats.arrow_copy import BATCH_ROWS, copied_format, file_of, without_rows
from pc_worker.reader.formats.arrow_dictionaries import without_dictionaries
from pc_worker.reader.formats.base import Opening


def _batches(opening: Opening) -> Iterator[Any]:
    with file_of(opening.content) as file:
        table = pyarrow.parquet.ParquetFile(file, buffer_size=1 << 20, pre_buffer=False)
        yield from without_dictionaries(without_rows(table.schema_arrow), opening.limits)
        # One row group at a time: pyarrow cannot join the nested dictionaries of several. Batches are small, so that
        # threads would cost more than they give.
        for number in range(table.num_row_groups):
            for batch in table.iter_batches(batch_size=BATCH_ROWS, row_groups=[number], use_threads=False):
                yield from without_dictionaries(batch, opening.limits)


FORMAT = copied_format("Parquet table", _batches)
