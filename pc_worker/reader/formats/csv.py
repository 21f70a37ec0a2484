"""CSV: streamed once, in batches of rows, into the spool."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.csv

from pc_worker.reader.formats.arrow_copy import copied_format, file_of
from pc_worker.reader.formats.base import Opening

_BLOCK = 1 << 20


def _batches(opening: Opening) -> Iterator[Any]:
    options = pyarrow.csv.ReadOptions(block_size=_BLOCK)
    with file_of(opening.content) as file:
        names = pyarrow.csv.open_csv(file, read_options=options).schema.names
    with file_of(opening.content) as file:
        # Every cell stays text: a type guessed from the first rows would fail on a later one.
        convert = pyarrow.csv.ConvertOptions(
            column_types={name: pa.string() for name in names}, strings_can_be_null=True, null_values=[""]
        )
        parse = pyarrow.csv.ParseOptions(newlines_in_values=True)
        yield from pyarrow.csv.open_csv(file, read_options=options, parse_options=parse, convert_options=convert)


FORMAT = copied_format("CSV table", _batches)
