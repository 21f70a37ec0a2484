"""Columns made of other columns: their cells are those of another column, read in another way."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from pc_worker.reader.cells.values import NAT, Interval, Period
from pc_worker.reader.errors import broken
from pc_worker.reader.pickle.shapes.columns import KINDS, PROVE_STEP, Numbers, Reader, python_values
from pc_worker.reader.pickle.shapes.timestamps import clock_values


class Moments(Reader):
    """Timestamps in a time zone."""

    kind = "datetime"

    def __init__(self, numbers: Numbers, zone: dt.tzinfo | None) -> None:
        self._numbers, self._zone = numbers, zone

    def __len__(self) -> int:
        return len(self._numbers)

    def stored_bytes(self) -> int:
        """Return the bytes of what it is made of."""
        return self._numbers.stored_bytes()

    def extents(self, start: int, stop: int) -> Iterator[tuple[int, int]]:
        """Yield the ranges of what it is made of."""
        yield from self._numbers.extents(start, stop)

    def read(self, start: int, stop: int) -> Sequence[Any]:
        """Return the cells of rows ``start`` up to ``stop``."""
        return clock_values(self._numbers.raw(start, stop), self._zone)


class Coded(Reader):
    """Categories: a number for each row, and what each number is for; -1 = null."""

    kind = "category"

    def __init__(self, codes: Reader, categories: Sequence[Any]) -> None:
        self._codes, self._categories = codes, categories

    def prove(self) -> None:
        """Check that every code is for a category."""
        for start in range(0, len(self), PROVE_STEP):
            codes = np.asarray(self._codes.read(start, min(start + PROVE_STEP, len(self))))
            if int(codes.max()) >= len(self._categories) or int(codes.min()) < -1:
                raise broken("a categorical's code stands for no category")

    def __len__(self) -> int:
        return len(self._codes)

    def stored_bytes(self) -> int:
        """Return the bytes of what it is made of."""
        return self._codes.stored_bytes()

    def extents(self, start: int, stop: int) -> Iterator[tuple[int, int]]:
        """Yield the ranges of what it is made of."""
        yield from self._codes.extents(start, stop)

    def read(self, start: int, stop: int) -> Sequence[Any]:
        """Return the cells of rows ``start`` up to ``stop``."""
        return [None if code < 0 else self._categories[code] for code in self._codes.read(start, stop)]


class CodedNumbers(Coded):
    """Whole numbers of a level of an index: as in pandas, they are floats where one of them is null."""

    def __init__(self, codes: Reader, categories: Sequence[Any]) -> None:
        super().__init__(codes, categories)
        self._with_null: bool | None = None

    def read(self, start: int, stop: int) -> Sequence[Any]:
        """Return the cells of rows ``start`` up to ``stop``."""
        cells = super().read(start, stop)
        if self._with_null is None:
            self._with_null = self._has_null()
        return [None if cell is None else float(cell) for cell in cells] if self._with_null else cells

    def _has_null(self) -> bool:
        starts = range(0, len(self), PROVE_STEP)
        return any(min(self._codes.read(start, min(start + PROVE_STEP, len(self)))) < 0 for start in starts)


class Masked(Reader):
    """Numbers of which some are null."""

    def __init__(self, numbers: Reader, mask: Reader) -> None:
        self._numbers, self._mask = numbers, mask
        self.kind = numbers.kind

    def __len__(self) -> int:
        return len(self._numbers)

    def stored_bytes(self) -> int:
        """Return the bytes of what it is made of."""
        return self._numbers.stored_bytes()

    def extents(self, start: int, stop: int) -> Iterator[tuple[int, int]]:
        """Yield the ranges of what it is made of."""
        yield from (*self._numbers.extents(start, stop), *self._mask.extents(start, stop))

    def read(self, start: int, stop: int) -> Sequence[Any]:
        """Return the cells of rows ``start`` up to ``stop``."""
        pairs = zip(self._numbers.read(start, stop), self._mask.read(start, stop), strict=True)
        return [None if null else number for number, null in pairs]


class Periods(Reader):
    """Periods, by their number since 1970."""

    kind = "period"

    def __init__(self, ordinals: Reader, frequency: str) -> None:
        self._ordinals, self._frequency = ordinals, frequency

    def __len__(self) -> int:
        return len(self._ordinals)

    def stored_bytes(self) -> int:
        """Return the bytes of what it is made of."""
        return self._ordinals.stored_bytes()

    def extents(self, start: int, stop: int) -> Iterator[tuple[int, int]]:
        """Yield the ranges of what it is made of."""
        yield from self._ordinals.extents(start, stop)

    def read(self, start: int, stop: int) -> Sequence[Any]:
        """Return the cells of rows ``start`` up to ``stop``."""
        ordinals = self._ordinals.read(start, stop)
        return [None if ordinal == NAT else Period(ordinal, self._frequency) for ordinal in ordinals]


class Intervals(Reader):
    """Intervals, by their bounds."""

    kind = "interval"

    def __init__(self, left: Reader, right: Reader, closed: str) -> None:
        self._left, self._right, self._closed = left, right, closed

    def __len__(self) -> int:
        return len(self._left)

    def extents(self, start: int, stop: int) -> Iterator[tuple[int, int]]:
        """Yield the ranges of the bounds."""
        yield from (*self._left.extents(start, stop), *self._right.extents(start, stop))

    def read(self, start: int, stop: int) -> Sequence[Any]:
        """Return the cells of rows ``start`` up to ``stop``."""
        pairs = zip(self._left.read(start, stop), self._right.read(start, stop), strict=True)
        return [None if _null(left) else Interval(left, right, self._closed) for left, right in pairs]


def _null(value: Any) -> bool:
    return value is None or value != value


class Sparse(Reader):
    """A value here and there, a fill value elsewhere."""

    def __init__(self, values: np.ndarray, places: np.ndarray, fill: Any, rows: int) -> None:
        self._values, self._places, self._fill, self._rows = values, places, fill, rows
        self.kind = KINDS[values.dtype.kind]

    def __len__(self) -> int:
        return self._rows

    def read(self, start: int, stop: int) -> Sequence[Any]:
        """Return the cells of rows ``start`` up to ``stop``."""
        low, high = np.searchsorted(self._places, [start, stop])
        cells = [self._fill] * (stop - start)
        for place, value in zip(self._places[low:high].tolist(), python_values(self._values[low:high]), strict=True):
            cells[place - start] = value
        return cells
