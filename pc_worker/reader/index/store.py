"""Returns the bytes and items behind a skeleton: of the file, of the sidecar, or inline."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import Any

import numpy as np

from pc_worker.reader.errors import broken, over_limit
from pc_worker.reader.files.source import Source
from pc_worker.reader.index.layout import Layout, Listing
from pc_worker.reader.pickle.decode.cells import CellDecoder
from pc_worker.reader.pickle.decode.scalars import latin
from pc_worker.reader.pickle.described import Array, Marks, Payload

#: Arrays and lists up to this many elements may be held whole: labels, categories, levels.
_WHOLE = 5_000_000


class Store:
    """Reads what a layout points to.

    Args:
        source: The (decompressed) file.
        layout: Its index.
    """

    def __init__(self, source: Source, layout: Layout) -> None:
        self.source, self.layout = source, layout
        self.cells = CellDecoder(source, layout)
        self._held = 0

    def read(self, data: Any, offset: int, length: int) -> bytes:
        """Return ``length`` bytes from ``offset`` of ``data``, a Payload or bytes.

        Raises:
            Rejected: If ``data`` is shorter.
        """
        if isinstance(data, Payload):
            if offset < 0 or offset + length > data.length:
                raise broken("a column is shorter than its index says", data.start)
            if data.marks is not None:
                return self._read_text(data.marks, offset, length)
            return self.source.read(data.start + offset, length)
        if not isinstance(data, bytes | bytearray) or offset < 0 or offset + length > len(data):
            raise broken("a column is shorter than its index says")
        return bytes(data[offset : offset + length])

    def _read_text(self, marks: Marks, offset: int, length: int) -> bytes:
        first, last = bisect_right(marks.numbers, offset) - 1, bisect_left(marks.numbers, offset + length)
        begin = marks.offsets[first]
        end = marks.offsets[last] if last < len(marks.offsets) else marks.end
        skip = offset - marks.numbers[first]
        return latin(self.source.read(begin, end - begin))[skip : skip + length]

    def items(self, listing: Listing, start: int, stop: int) -> list[Any]:
        """Return the items of a list."""
        return self.cells.items(listing, start, stop)

    def whole(self, value: Any) -> Any:
        """Return a small array, list or tuple with all its elements in memory.

        Raises:
            Rejected: If it is too large for labels, categories or levels.
        """
        if isinstance(value, Listing):
            self._check(len(value))
            return self.items(value, 0, len(value))
        if isinstance(value, Array):
            self._check(value.size)
            return self.array(value)
        return value

    def hold(self, count: int) -> None:
        """Count this many labels or categories that stay in memory.

        Raises:
            Rejected: If all that are held, of all columns together, are too many.
        """
        self._held += count
        self._check(self._held)

    def array(self, value: Array) -> np.ndarray:
        """Return a numpy array of the described shape (n, …) with all its elements in memory."""
        if isinstance(value.data, Listing):
            return Array(value.dtype, value.shape, value.order, self.whole(value.data)).realised()
        data = self.read(value.data, 0, len(value.data))
        return Array(value.dtype, value.shape, value.order, data, value.axes).realised()

    def _check(self, count: int) -> None:
        if count > _WHOLE:
            raise over_limit(f"the table's labels and categories are more than {_WHOLE} elements")
