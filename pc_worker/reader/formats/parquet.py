"""Parquet: streamed once, in batches of rows, into the spool."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow.parquet

from pc_worker.reader.formats.arrow_copy import BATCH_ROWS, copied_format, file_of, without_rows
from pc_worker.reader.formats.base import Opening


def _batches(opening: Opening) -> Iterator[Any]:
    with file_of(opening.content) as file:
        table = pyarrow.parquet.ParquetFile(file, buffer_size=1 << 20, pre_buffer=False)
        yield without_rows(table.schema_arrow)
        yield from table.iter_batches(batch_size=BATCH_ROWS)


FORMAT = copied_format("Parquet table", _batches)
