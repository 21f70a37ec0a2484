"""ORC: streamed once, in batches of rows, into the spool; by another process, which a lack of memory may end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pc_worker.reader.errors import broken, over_limit
from pc_worker.reader.files.written import written
from pc_worker.reader.formats.arrow_checks import check
from pc_worker.reader.formats.arrow_copy import copy_of, file_of, reopener, without_rows
from pc_worker.reader.formats.arrow_dictionaries import without_dictionaries
from pc_worker.reader.formats.base import Indexed, Opening, TableFormat
from pc_worker.reader.formats.memory import decoded
from pc_worker.reader.formats.separate_process import Task, copy_apart

_CONTAINER = "ORC table"


def batches(opening: Opening, rows: int) -> Iterator[Any]:
    """Yield the rows of an ORC file, ``rows`` at a time."""
    import pyarrow.dataset  # in the process that decodes only
    import pyarrow.fs
    import pyarrow.orc

    limits = opening.limits
    with file_of(opening.content) as file:
        found = pyarrow.orc.ORCFile(file)
        if found.nrows > max(limits.rows_free, limits.rows_per_byte * opening.content.size):
            raise over_limit(f"the table claims {found.nrows} rows in {opening.content.size} bytes")
        yield from without_dictionaries(without_rows(found.schema), opening.limits)
        # Only a dataset reads less than a stripe at a time; the path is that of
        # the open descriptor, because the name may be another file now.
        path, system = f"/proc/self/fd/{file.fileno()}", pyarrow.fs.LocalFileSystem()
        fragment = pyarrow.dataset.OrcFileFormat().make_fragment(path, filesystem=system)
        scanner = fragment.scanner(
            schema=found.schema, batch_size=rows, batch_readahead=0, fragment_readahead=0, use_threads=False
        )
        read = 0
        for batch in scanner.to_batches():
            check(batch)
            read += batch.num_rows
            yield from without_dictionaries(batch, opening.limits)
        if read != found.nrows:
            reason = f"it should have {found.nrows} rows, and {read} can be read"
            raise broken(f"the {_CONTAINER} is damaged: {reason}; copy the file again, or export it again")


def _index(opening: Opening) -> Indexed:
    def decode(rows: int) -> None:
        with written(opening.place.copy("arrow")) as file:
            copy_apart(opening, Task("pc_worker.reader.formats.orc", _CONTAINER, rows), file)

    decoded(_CONTAINER, opening.content, decode)
    return copy_of(opening, _CONTAINER)


FORMAT = TableFormat(_index, reopener(_CONTAINER))
