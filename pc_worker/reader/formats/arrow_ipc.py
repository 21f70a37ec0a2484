"""Arrow's own formats: IPC files, which Feather is, and IPC streams; read batch by batch, each checked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from pc_worker.reader.errors import broken
from pc_worker.reader.formats.arrow_checks import check
from pc_worker.reader.formats.arrow_copy import copied_format, file_of, without_rows
from pc_worker.reader.formats.arrow_dictionaries import without_dictionaries
from pc_worker.reader.formats.arrow_messages import check_file, check_stream
from pc_worker.reader.formats.base import Opening
from pc_worker.reader.limits import Limits


def _file(opening: Opening) -> Iterator[Any]:
    check_file(opening)
    with file_of(opening.content) as file:
        reader = pa.ipc.open_file(file)
        batches = (reader.get_batch(number) for number in range(reader.num_record_batches))
        yield from _checked(reader.schema, batches, opening.limits)


def _stream(opening: Opening) -> Iterator[Any]:
    check_stream(opening)
    with file_of(opening.content) as file:
        reader = pa.ipc.open_stream(file)
        yield from _checked(reader.schema, reader, opening.limits)
        if file.read(1):
            raise broken("something follows the end of the Arrow stream: cut it off, or export the table again")


def _checked(schema: Any, batches: Any, limits: Limits) -> Iterator[Any]:
    """Yield batches whose every offset was checked: reading does not, and using a damaged one ends the process."""
    yield from without_dictionaries(without_rows(schema), limits)
    for batch in batches:
        check(batch)
        yield from without_dictionaries(batch, limits)


FILE = copied_format("Arrow file", _file)
STREAM = copied_format("Arrow stream", _stream)
