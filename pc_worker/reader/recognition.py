"""What a file is, by its first bytes; nothing of it is decoded."""

from __future__ import annotations

import os

from pc_worker.reader.files.source import Source
from pc_worker.reader.formats.registry import format_of
from pc_worker.reader.formats.sniff import packing_of
from pc_worker.reader.options import ReadOptions


def recognise(path: str | os.PathLike[str], options: ReadOptions) -> str:
    """Return the name of a file's format, or of its compression if it has one.

    Raises:
        Rejected: If it is empty, or of no kind that is read.
        OSError: If it cannot be read.
    """
    source = Source(path)
    try:
        packing = packing_of(source)
        return packing.value if packing is not None else format_of(source, options).name
    finally:
        source.close()
