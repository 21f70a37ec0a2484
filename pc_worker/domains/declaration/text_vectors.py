"""Finds the columns whose texts are vectors in JSON, as text tables have them."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

_NUMBERS = msgspec.json.Decoder(list[float])
#: In JSON, what only a number with a fraction or an exponent has.
_FRACTION_SIGNS = frozenset(".eE")
#: Shorter ones are coordinates, ranges or grades.
MIN_DIMENSION = 8


def holds_vectors(cells: Iterable[object]) -> bool:
    """Return whether all texts are JSON arrays of numbers, not all whole, of one length; blank ones may be.

    Short arrays and those of whole numbers are lists, as in a column that is not text.
    """
    lengths, has_fractions = set[int](), False
    for cell in cells:
        if not isinstance(cell, str) or not cell.strip():
            continue
        lengths.add(_length(cell))
        if len(lengths) > 1 or min(lengths) < MIN_DIMENSION:
            return False
        has_fractions = has_fractions or not _FRACTION_SIGNS.isdisjoint(cell)
    return has_fractions


def _length(text: str) -> int:
    """Return how many numbers a text is an array of; 0 if it is no such array."""
    if not text.lstrip().startswith("["):
        return 0
    try:
        return len(_NUMBERS.decode(text))
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return 0
