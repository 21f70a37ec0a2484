"""ORC: streamed once, in batches of rows, into the spool."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow.dataset
import pyarrow.fs
import pyarrow.orc

from pc_worker.reader.errors import over_limit
from pc_worker.reader.formats.arrow_checks import check
from pc_worker.reader.formats.arrow_copy import BATCH_ROWS, copied_format, file_of, without_rows
from pc_worker.reader.formats.arrow_dictionaries import without_dictionaries
from pc_worker.reader.formats.base import Opening


def _batches(opening: Opening) -> Iterator[Any]:
    limits = opening.limits
    with file_of(opening.content) as file:
        found = pyarrow.orc.ORCFile(file)
        if found.nrows > max(limits.rows_free, limits.rows_per_byte * opening.content.size):
            raise over_limit(f"the table claims {found.nrows} rows in {opening.content.size} bytes")
        yield from without_dictionaries(without_rows(found.schema), opening.limits)
        # Only a dataset reads less than a stripe at a time; the path is the open descriptor, whatever has its name now.
        path, system = f"/proc/self/fd/{file.fileno()}", pyarrow.fs.LocalFileSystem()
        fragment = pyarrow.dataset.OrcFileFormat().make_fragment(path, filesystem=system)
        scanner = fragment.scanner(
            schema=found.schema, batch_size=BATCH_ROWS, batch_readahead=0, fragment_readahead=0, use_threads=False
        )
        for batch in scanner.to_batches():
            check(batch)
            yield from without_dictionaries(batch, opening.limits)


FORMAT = copied_format("ORC table", _batches)
