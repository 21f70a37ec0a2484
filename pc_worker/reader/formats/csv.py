"""CSV and its relatives: split in windows, every cell as text, and streamed once into the spool."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from pc_worker.reader.errors import not_a_table
from pc_worker.reader.formats.arrow_copy import copied, reopener
from pc_worker.reader.formats.base import Index, Indexed, Opening, TableFormat
from pc_worker.reader.text.decode import utf8_segments
from pc_worker.reader.text.dialect import NAMES, SAMPLE, dialect_of, encoding_of
from pc_worker.reader.text.encodings import CANDIDATES
from pc_worker.reader.text.records import RecordCells, Splitter

_CONTAINER = "CSV table"


class _Reading:
    """One pass over a text table."""

    def __init__(self, opening: Opening) -> None:
        self._content, self._options, self._limits = opening.content, opening.options, opening.limits
        self._dialect = dialect_of(opening.content, opening.options, opening.name)

    def details(self) -> dict[str, str]:
        """Return how the table is written, as far as the pass has come."""
        found = self._dialect
        name = NAMES.get(found.delimiter, found.delimiter)
        details = {"encoding": found.encoding, "delimiter": name, "certainty": f"{found.certainty:.2f}"}
        last = self._content.read(max(0, self._content.size - 4), min(4, self._content.size))
        if not last.rstrip(b"\0").endswith((b"\n", b"\r")):
            details["note"] = "the last line has no line end: the file may be cut"
        return details

    def batches(self) -> Iterator[Any]:
        """Yield the records as batches of text columns."""
        names: list[str] = []
        splitter = Splitter(
            utf8_segments(self._content, self._dialect.encoding, other=self._later_encoding),
            ord(self._dialect.delimiter),
            most_bytes=self._limits.text_bytes,
            most_cells=self._limits.columns,
        )
        for cells in splitter:
            header = not names
            names = names or cells.head()
            yield _batch(cells.rest() if header else cells, names)
        if not names:
            raise not_a_table("the file has no line that is not blank")

    def _later_encoding(self, offset: int) -> str | None:
        """Return the encoding of a text that was ASCII up to ``offset``, where the sample had ended before."""
        if self._options.encoding is not None:
            return None
        found = encoding_of(self._content.read(offset, min(SAMPLE, self._content.size - offset)), self._options)
        certainty = min(found.certainty, self._dialect.certainty)
        self._dialect = replace(self._dialect, encoding=found.encoding, certainty=certainty)
        return found.encoding if found.encoding in CANDIDATES else None


def _batch(cells: RecordCells, names: list[str]) -> Any:
    """Return records as a batch of text columns; an empty cell is null."""
    offsets = np.zeros(len(cells.ends) + 1, np.int32)
    offsets[1:] = cells.ends
    filled = pa.py_buffer(np.packbits(offsets[1:] > offsets[:-1], bitorder="little"))
    buffers = [filled, pa.py_buffer(offsets), pa.py_buffer(cells.data)]
    flat = pa.Array.from_buffers(pa.string(), len(cells.ends), buffers)
    rows, width = len(cells), cells.width
    order = np.arange(rows * width).reshape(rows, width).T.ravel()
    # Not pa.array(order), which loads pandas to ask whether this is one of its own.
    by_column = flat.take(pa.Array.from_buffers(pa.int64(), len(order), [None, pa.py_buffer(order)]))
    columns = [by_column[number * rows : (number + 1) * rows] for number in range(width)]
    return pa.RecordBatch.from_arrays(columns, names=names)


def _index(opening: Opening) -> Indexed:
    reading = _Reading(opening)
    found = copied(opening, _CONTAINER, reading.batches())
    return replace(found, index=Index(details=reading.details()))


FORMAT = TableFormat(_index, reopener(_CONTAINER))
