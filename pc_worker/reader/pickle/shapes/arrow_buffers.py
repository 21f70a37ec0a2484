"""Buffers of described Arrow arrays: only the requested bytes are read."""

from __future__ import annotations

from typing import Any

import numpy as np

from pc_worker.reader.errors import broken
from pc_worker.reader.index.layout import Listing
from pc_worker.reader.index.store import Store
from pc_worker.reader.pickle.described import Call


def sequence(store: Store, value: Any) -> list[Any]:
    """Return a list of the skeleton, whichever way it is kept."""
    return list(store.whole(value)) if isinstance(value, Listing | list | tuple) else []


def buffer(store: Store, buffers: list[Any], number: int, start: int, stop: int) -> bytes | None:
    """Return bytes ``start`` up to ``stop`` of an array's buffer, None where there is no buffer."""
    part = buffers[number] if number < len(buffers) else None
    if part is None:
        return None
    if not isinstance(part, Call) or part.kind != "ArrowBuffer":
        raise broken("an Arrow buffer is not one")
    return store.read(part.args[0], start, stop - start)


def buffer_bytes(buffers: list[Any]) -> int:
    """Return the bytes of all buffers of an array."""
    return sum(len(part.args[0]) for part in buffers if isinstance(part, Call))


def validity(store: Store, buffers: list[Any], first: int, last: int) -> np.ndarray | None:
    """Return whether each element from ``first`` up to ``last`` is there, bool, shape (n,); None = all are."""
    raw = buffer(store, buffers, 0, first // 8, (last + 7) // 8) if last > first else None
    if raw is None:
        return None
    bits = np.unpackbits(np.frombuffer(raw, np.uint8), bitorder="little")
    skip = first - first // 8 * 8
    return bits[skip : skip + last - first].astype(bool)
