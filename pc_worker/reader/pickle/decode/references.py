"""References to the memo in a segment of a file, read all at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pc_worker.reader.pickle import opcodes as op
from pc_worker.reader.pickle.flat_lists import OPENING


@dataclass(frozen=True, slots=True)
class References:
    """The n references in a segment; each array has the shape (n,).

    Attributes:
        places: Byte offset of each.
        long: Whether it is a ``LONG_BINGET``.
        index: The memo entry it names.
    """

    places: np.ndarray
    long: np.ndarray
    index: np.ndarray

    def are_all(self, data: bytes) -> bool:
        """Return whether ``data`` holds nothing but references and the opcodes between batches."""
        ends = self.places + np.where(self.long, 5, 2)
        if int(self.places[0]) or int(ends[-1]) != len(data):
            return False
        gaps = np.flatnonzero(self.places[1:] != ends[:-1])
        starts, stops = ends[gaps].tolist(), self.places[gaps + 1].tolist()
        return all(data[start:stop] == _BETWEEN for start, stop in zip(starts, stops, strict=True))

    def lists(self, data: bytes) -> list[int] | None:
        """Return how long each list is if ``data`` is lists of two or more long references, and no more; else None."""
        if not data.startswith(OPENING) or data[-1] != op.APPENDS or not bool(self.long.all()):
            return None
        ends = self.places + _LONG
        last = np.append(self.places[1:] != ends[:-1], True)
        firsts = np.flatnonzero(np.append(True, last[:-1]))
        if int(self.places[0]) != len(OPENING) or int(ends[-1]) != len(data) - 1:
            return None
        starts, stops = ends[last][:-1], self.places[firsts][1:]
        # Between two lists are a few opcodes, with or without the end of a batch.
        if {data[start:stop] for start, stop in zip(starts.tolist(), stops.tolist(), strict=True)} - _BETWEEN_LISTS:
            return None
        return np.diff(firsts, append=len(self.places)).tolist()  # type: ignore[no-any-return]  # numpy types it as Any

    def renumbered(self, data: bytes, memos: int) -> tuple[bytes, list[int]]:
        """Return ``data`` with its references renumbered, and the earlier entries, which come first in the new count.

        The new numbers are never larger than the old ones, so each fits where the old one was.
        """
        raw = np.frombuffer(data, dtype=np.uint8).copy()
        earlier, fresh = _renumbered(self.index, memos)
        raw[self.places + 1] = fresh & 0xFF
        long, wide = self.places[self.long] + 2, fresh[self.long]
        for byte in range(3):
            raw[long + byte] = (wide >> (8 * byte + 8)) & 0xFF
        return raw.tobytes(), earlier.tolist()


#: What is between two batches of items.
_BETWEEN = bytes([op.APPENDS, op.MARK])
#: What is between the references of two lists, of one batch or of two.
_BETWEEN_LISTS = {bytes([op.APPENDS]) + OPENING, bytes([op.APPENDS]) + _BETWEEN + OPENING}
_LONG = 5
_LONG_REFERENCE = np.dtype([("code", "u1"), ("index", "<u4")])


def all_long(data: bytes, count: int) -> list[int] | None:
    """Return the entries that ``data`` refers to if it is ``count`` long references and nothing else; else None."""
    if len(data) != _LONG * count:
        return None
    found = np.frombuffer(data, _LONG_REFERENCE)
    # The first is long, so the second is where this one is expected, and so on.
    return found["index"].tolist() if bool((found["code"] == op.LONG_BINGET).all()) else None


def references(data: bytes, places: np.ndarray) -> References:
    """Return the references in ``data`` at ``places``: byte offsets, int64, shape (n,)."""
    raw = np.frombuffer(data, dtype=np.uint8)
    long = raw[places] == op.LONG_BINGET
    index = raw[places + 1].astype(np.int64)
    more = places[long] + 2
    index[long] |= raw[more].astype(np.int64) << 8 | raw[more + 1].astype(np.int64) << 16
    index[long] |= raw[more + 2].astype(np.int64) << 24
    return References(places, long, index)


def _renumbered(index: np.ndarray, memos: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the entries before ``memos`` that ``index`` names, ascending, and the new number of each of ``index``."""
    before = index < memos
    named = index[before]
    low = int(named.min()) if named.size else 0
    if not named.size or int(named.max()) - low > _FEW:
        # Not numpy's unique, for which numpy would import its masked arrays.
        earlier = np.array(sorted(set(named.tolist())), dtype=np.int64)
        return earlier, np.where(before, np.searchsorted(earlier, index), index - memos + len(earlier))
    # Close together, as words of a vocabulary are: a table is far quicker than sorting.
    present = np.zeros(_FEW + 1, dtype=np.int64)
    present[named - low] = 1
    ranks = np.cumsum(present) - 1
    earlier = np.flatnonzero(present) + low
    return earlier, np.where(before, ranks[np.where(before, index - low, 0)], index - memos + len(earlier))


_FEW = 8192
