"""Columns: each returns its cells from one row to another, and says of what kind they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from pc_worker.reader.index.layout import Listing
from pc_worker.reader.index.store import Store
from pc_worker.reader.pickle.described import Payload, check_characters
from pc_worker.reader.pickle.shapes.timestamps import clock_values

#: Kinds of numpy types, by their letter. Objects are "mixed" until cells were looked at.
KINDS = {
    "b": "bool", "i": "int", "u": "int", "f": "float", "c": "complex", "M": "datetime", "m": "timedelta",
    "S": "bytes", "U": "text", "V": "list", "O": "mixed",
}  # fmt: skip
#: Rows that are checked at a time.
PROVE_STEP = 1 << 16


class Reader:
    """One column's cells.

    Attributes:
        kind: What its cells are, see ``table.Column``; "mixed" = only the cells show it.
        dimension: Of a column of vectors, if the type determines it.
    """

    kind: str = "mixed"
    dimension: int | None = None

    def __len__(self) -> int:
        raise NotImplementedError

    def read(self, start: int, stop: int) -> Sequence[Any]:
        """Return the cells of rows ``start`` up to ``stop``."""
        raise NotImplementedError

    def prove(self) -> None:
        """Check once, while indexing, what the walk over the opcodes cannot see."""

    def stored_bytes(self) -> int:
        """Return about how many bytes of the file the column takes; 0 where it has none of its own."""
        return 0

    def extents(self, start: int, stop: int) -> Iterator[tuple[int, int]]:
        """Yield the ranges of the file that hold the cells of rows ``start`` up to ``stop``, as far as it is known."""
        yield from ()


class Numbers(Reader):
    """One row of a numpy block: ``rows`` elements, the first at ``first``, each ``step`` elements after the last.

    Args:
        store: Where the bytes are.
        data: The whole block's bytes.
        dtype: The element type.
        first: Number of the column's first element in the block.
        step: 1 in C order, the number of the block's columns in Fortran order.
        rows: Number of rows.
    """

    def __init__(self, store: Store, data: Any, dtype: np.dtype[Any], first: int, step: int, rows: int) -> None:
        self._store, self._data, self._dtype = store, data, dtype
        self._first, self._step, self._rows = first, step, rows
        self.kind = KINDS[dtype.kind]

    def __len__(self) -> int:
        return self._rows

    def stored_bytes(self) -> int:
        """Return the bytes of the elements."""
        return self._rows * self._dtype.itemsize

    def extents(self, start: int, stop: int) -> Iterator[tuple[int, int]]:
        """Yield the range of the elements, if they are in the file as they are."""
        if isinstance(self._data, Payload) and self._data.marks is None and start < stop:
            begin, size = self._data.start, self._dtype.itemsize
            first, last = self._first + start * self._step, self._first + (stop - 1) * self._step
            yield begin + first * size, begin + (last + 1) * size

    def prove(self) -> None:
        """Check that texts consist of characters."""
        if self._dtype.kind == "U":
            for start in range(0, self._rows, PROVE_STEP):
                check_characters(np.ascontiguousarray(self.raw(start, min(start + PROVE_STEP, self._rows))))

    def raw(self, start: int, stop: int) -> np.ndarray:
        """Return the elements from ``start`` up to ``stop`` as a numpy array of the shape (n,)."""
        if start >= stop:
            return np.empty(0, self._dtype)
        size = self._dtype.itemsize
        first, last = self._first + start * self._step, self._first + (stop - 1) * self._step
        data = self._store.read(self._data, first * size, (last - first + 1) * size)
        return np.frombuffer(data, dtype=self._dtype)[:: self._step]

    def read(self, start: int, stop: int) -> Sequence[Any]:
        """Return Python values; dates and spans as ``datetime`` where that is exact."""
        return python_values(self.raw(start, stop))


def python_values(values: np.ndarray) -> list[Any]:
    """Return the values of an array, shape (n, …), as Python has them; numpy's own where Python has none."""
    if values.dtype.kind in "mM":
        return clock_values(values, None)
    if values.dtype.kind in "V" or (values.dtype.itemsize > 8 and values.dtype.kind in "fc"):
        return list(values)
    return values.tolist()  # type: ignore[no-any-return]  # numpy types tolist() as Any


class Subarrays(Reader):
    """An array of more dimensions whose first is the rows: each cell is an array."""

    def __init__(self, store: Store, data: Any, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
        self._rows, self._shape = shape[0], shape[1:]
        size = int(np.prod(self._shape))
        self._size = size
        self._numbers = Numbers(store, data, dtype, 0, 1, shape[0] * size)
        self.kind = "vector" if dtype.kind == "f" and len(shape) == 2 and size >= 2 else "list"
        self.dimension = size if self.kind == "vector" else None

    def __len__(self) -> int:
        return self._rows

    def stored_bytes(self) -> int:
        """Return the bytes of what it is made of."""
        return self._numbers.stored_bytes()

    def extents(self, start: int, stop: int) -> Iterator[tuple[int, int]]:
        """Yield the range of the elements."""
        yield from self._numbers.extents(start * self._size, stop * self._size)

    def read(self, start: int, stop: int) -> Sequence[Any]:
        """Return the cells of rows ``start`` up to ``stop``."""
        flat = self._numbers.raw(start * self._size, stop * self._size)
        return list(flat.reshape(stop - start, *self._shape))


class Objects(Reader):
    """A segment of a list: one column of an object block, or a list that is a column."""

    kind = "mixed"

    def __init__(self, store: Store, listing: Listing, first: int, rows: int) -> None:
        self._store, self._listing, self._first, self._rows = store, listing, first, rows

    def __len__(self) -> int:
        return self._rows

    def stored_bytes(self) -> int:
        """Return the bytes of the items, to the next mark."""
        begin, end = self._store.cells.extent(self._listing, self._first, self._first + self._rows)
        return end - begin

    def extents(self, start: int, stop: int) -> Iterator[tuple[int, int]]:
        """Yield the range of the items, to the next mark."""
        yield self._store.cells.extent(self._listing, self._first + start, self._first + stop)

    def read(self, start: int, stop: int) -> Sequence[Any]:
        """Return the cells of rows ``start`` up to ``stop``."""
        return self._store.items(self._listing, self._first + start, self._first + stop)


class Strided(Reader):
    """Every ``step``-th element of a list that is small or Fortran-ordered."""

    kind = "mixed"

    def __init__(self, objects: Objects, first: int, step: int, rows: int) -> None:
        self._objects, self._first, self._step, self._rows = objects, first, step, rows

    def __len__(self) -> int:
        return self._rows

    def read(self, start: int, stop: int) -> Sequence[Any]:
        """Return the cells of rows ``start`` up to ``stop``."""
        if start >= stop:
            return []
        first = self._first + start * self._step
        return self._objects.read(first, first + (stop - 1 - start) * self._step + 1)[:: self._step]


class Values(Reader):
    """Values that are in memory already."""

    def __init__(self, values: Sequence[Any], kind: str = "mixed") -> None:
        self._values, self.kind = values, kind

    def __len__(self) -> int:
        return len(self._values)

    def read(self, start: int, stop: int) -> Sequence[Any]:
        """Return the cells of rows ``start`` up to ``stop``."""
        return self._values[start:stop]


class RangeNumbers(Reader):
    """The numbers of a RangeIndex."""

    kind = "int"

    def __init__(self, numbers: range) -> None:
        self.numbers = numbers

    def __len__(self) -> int:
        return len(self.numbers)

    def read(self, start: int, stop: int) -> Sequence[Any]:
        """Return the cells of rows ``start`` up to ``stop``."""
        return list(self.numbers[start:stop])
