"""Keep memory from one chunk to the next: taking it from the system again costs a fault for each page."""

from __future__ import annotations

from functools import cache

#: About as much as a chunk of large rows takes.
_KEPT = 8 << 20


@cache
def keep_freed_memory() -> None:
    """Let the C library keep what a chunk took for the next one, instead of returning it to the system each time.

    glibc returns freed memory once twice its threshold for large blocks is free. That threshold is 128 KiB, and rises
    to the size of a large block that is freed. Pages of a block of zeros are never touched, so it takes no memory.
    Where ``MALLOC_`` variables set the thresholds, or on another C library, this does nothing.
    """
    bytes(_KEPT)
