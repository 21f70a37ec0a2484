"""Arrow's views: texts and lists that lie anywhere in their data, in any order, and may share it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from pc_worker.reader.errors import broken, over_limit
from pc_worker.reader.index.store import Store
from pc_worker.reader.pickle.shapes.arrow_buffers import buffer, buffer_bytes

#: A view of a text: one of up to 12 bytes is inside; of a longer one, this says where it lies.
_VIEW = np.dtype([("length", "<i4"), ("prefix", "<u4"), ("buffer", "<i4"), ("offset", "<i4")])
_INSIDE = 12
#: Bytes that the texts of one slice may have although they share fewer in the file.
_SHARED_BYTES = 64 << 20
#: Items that the lists of one slice may have although they share fewer in the file.
_SHARED_ITEMS = 1 << 20
#: Items from the first to the last list of a slice, all of which are read, for each item in its lists.
_APART = 64


def parts(store: Store, kind: Any, buffers: list[Any], bits: bytes | None, first: int, last: int) -> list[bytes | None]:
    """Return an array's buffers for texts ``first`` up to ``last``: of the data, those texts one after another."""
    raw = buffer(store, buffers, 1, first * _VIEW.itemsize, last * _VIEW.itemsize) or b""
    views = np.frombuffer(raw, _VIEW).copy()
    present = np.ones(len(views), bool)
    if bits is not None:
        present = np.unpackbits(np.frombuffer(bits, np.uint8), bitorder="little")[: len(views)].astype(bool)
    views[~present] = np.zeros(1, _VIEW)[0]
    lengths = views["length"].astype(np.int64)
    if np.any(lengths < 0) or np.any(views["buffer"][lengths > _INSIDE] < 0):
        raise broken("an Arrow column's texts do not lie in its data")
    long = np.flatnonzero(lengths > _INSIDE)
    if int(lengths[long].sum()) > max(_SHARED_BYTES, buffer_bytes(buffers)):
        raise over_limit("an Arrow column's texts share their data too often")
    found = [_text(store, buffers, view) for view in views[long]]
    views["buffer"][long] = 0
    views["offset"][long] = np.cumsum(lengths[long]) - lengths[long]
    return [bits, views.tobytes(), b"".join(found)]


def _text(store: Store, buffers: list[Any], view: Any) -> bytes:
    start, length = int(view["offset"]), int(view["length"])
    found = buffer(store, buffers, 2 + int(view["buffer"]), start, start + length)
    if found is None:
        raise broken("an Arrow column's texts do not lie in its data")
    return found


def list_parts(store: Store, kind: Any, buffers: list[Any], first: int, last: int) -> tuple[list[bytes], int, int]:
    """Return offsets and sizes of lists ``first`` up to ``last``, and from where to where their items lie."""
    width = np.dtype("<i8" if pa.types.is_large_list_view(kind) else "<i4")
    begin, end = first * width.itemsize, last * width.itemsize
    offsets, sizes = (np.frombuffer(buffer(store, buffers, n, begin, end) or b"", width) for n in (1, 2))
    filled = sizes != 0
    if len(offsets) != len(sizes) or np.any(sizes < 0) or np.any(offsets[filled] < 0):
        raise broken("an Arrow column's lists do not lie in its items")
    low = int(offsets[filled].min()) if filled.any() else 0
    high = int((offsets[filled].astype(np.int64) + sizes[filled]).max()) if filled.any() else 0
    items = int(sizes.sum(dtype=np.int64))
    if items > max(_SHARED_ITEMS, 2 * (high - low)) or high - low > max(_SHARED_ITEMS, _APART * items):
        raise over_limit("an Arrow column's lists share their items too often, or lie too far apart")
    return [np.where(filled, offsets - low, 0).astype(width).tobytes(), sizes.tobytes()], low, high
