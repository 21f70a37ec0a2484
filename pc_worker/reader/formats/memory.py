"""Bounds the memory that decoding a file may take: what a page or stripe expands to shows only while it is decoded."""

from __future__ import annotations

import contextlib
import resource
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pc_worker.reader.errors import over_limit
from pc_worker.reader.files.source import Source

#: Bytes that decoding any file may take, and bytes for each byte of the file: wide tables have a page of each column.
_FREE, _PER_BYTE = 224 << 20, 8

#: Rows that are decoded at a time, and if memory does not suffice for them.
USUAL_ROWS, _FEW_ROWS = 1024, 16


def most_memory(content: Source) -> int:
    """Return the bytes of memory that decoding ``content`` may take."""
    return max(_FREE, _PER_BYTE * content.size)


def decoded(container: str, content: Source, decode: Callable[[int], None]) -> None:
    """Call ``decode`` with how many rows it may decode at a time: few, if memory does not suffice for the usual number.

    Raises:
        Rejected: If a ``MemoryError`` comes of both.
    """
    for rows in (USUAL_ROWS, _FEW_ROWS):
        with contextlib.suppress(MemoryError):
            return decode(rows)
    reason = f"the {container} expands to more than {most_memory(content) >> 20} MiB at a time"
    raise over_limit(f"{reason}, and its size allows no more: write it with smaller row groups, pages and lists")


@contextmanager
def bounded_memory(size: int) -> Iterator[None]:
    """Let this process take ``size`` bytes more than it has now; an allocation beyond that raises ``MemoryError``."""
    _BOUND.begin(size)
    try:
        yield
    finally:
        _BOUND.end()


def memory_is_bounded() -> bool:
    """Return whether a lack of memory may be that of ``bounded_memory``."""
    return _BOUND.users > 0


class _Bound:
    """The process's limit while any thread decodes: that of the first, and as much more for each other."""

    def __init__(self) -> None:
        self._lock, self.users, self._usual = threading.Lock(), 0, resource.RLIM_INFINITY

    def begin(self, size: int) -> None:
        with self._lock:
            soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
            if self.users == 0:
                self._usual = soft
            base = soft if self.users else _data_bytes()
            self.users += 1
            if base != resource.RLIM_INFINITY:
                resource.setrlimit(resource.RLIMIT_DATA, (_least(base + size, self._usual, hard), hard))

    def end(self) -> None:
        with self._lock:
            self.users -= 1
            if self.users == 0:
                hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
                resource.setrlimit(resource.RLIMIT_DATA, (self._usual, hard))


_BOUND = _Bound()


def _least(*limits: int) -> int:
    return min((limit for limit in limits if limit != resource.RLIM_INFINITY), default=resource.RLIM_INFINITY)


def _data_bytes() -> int:
    """Return what the process has of the memory that the limit counts."""
    pages = int(Path("/proc/self/statm").read_text().split()[5])
    return pages * resource.getpagesize()
