"""From a source's vector cell to one float32 array."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from pc_worker.domains.cleaning.cells import BadValue, is_null, quoted
from pc_worker.domains.cleaning.records import Vector

# Parsing directly into floats rejects everything but numbers, and takes a quarter of the time of the standard
# library for the 34 kB of a 1536-d vector.
_NUMBERS = msgspec.json.Decoder(list[float])
#: Longer text is no vector that is used: the fast parser keeps the memory of its longest text.
_FAST_CHARS = 1 << 20


class _Memory(threading.local):
    """The fast parser of a thread. Its memory is used again: taking it from the system costs more than parsing."""

    def __init__(self) -> None:
        self.parser = _fast_parser()


def _fast_parser() -> Any:
    try:
        from simdjson import Parser
    except ImportError:  # a platform without its wheel: the strict parser reads all
        return None
    return Parser()


_memory = _Memory()


def to_vector(cell: object, dimension: int) -> Vector:
    """Return the numbers of ``cell`` (array, list, tuple or JSON text of an array): shape (dimension,), float32.

    Raises:
        BadValue: If there are not ``dimension`` finite numbers of non-zero norm.
    """
    if isinstance(cell, str):
        numbers: NDArray[np.generic] | Sequence[object] = _parsed(cell)
    elif isinstance(cell, np.ndarray | list | tuple):
        numbers = cell
    else:
        raise BadValue(f"{quoted(cell)} is no vector")
    array = _as_float32(numbers)
    if array.shape != (dimension,):
        raise BadValue(f"{len(array)} numbers instead of {dimension}")
    return _usable(array, numbers)


def _parsed(text: str) -> NDArray[np.float64] | list[object]:
    numbers = _parsed_fast(text)
    if numbers is not None:
        return numbers
    try:
        return np.array(_NUMBERS.decode(text), dtype=np.float64)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return _parsed_tolerantly(text)


def _parsed_fast(text: str) -> NDArray[np.float64] | None:
    """Parse a plain array of numbers with SIMD instructions; None for everything else, which the other parsers judge.

    Both round to the nearest double. Not for this one: a list inside, which it would flatten, a mark before the text,
    which it would skip, and zeros, as it reads ``-0`` without its sign.
    """
    if len(text) > _FAST_CHARS or not text.isascii() or text.count("[") != 1 or (parser := _memory.parser) is None:
        return None
    try:
        found = parser.parse(text.encode()).as_buffer(of_type="d")
    except (ValueError, TypeError, AttributeError, RuntimeError):  # all that it raises for other text
        return None
    numbers = np.frombuffer(found, np.float64)
    return numbers if numbers.all() else None


def _parsed_tolerantly(text: str) -> list[object]:
    """Parse what the strict parser rejected, so that the reason can name the fault."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as fault:
        raise BadValue("text that is no JSON array") from fault
    if not isinstance(value, list):
        raise BadValue("JSON text that is no array")
    return value


def _as_float32(numbers: NDArray[np.generic] | Sequence[object]) -> Vector:
    if isinstance(numbers, np.ndarray) and numbers.dtype == np.float32 and numbers.ndim == 1:
        return np.ascontiguousarray(numbers)
    if isinstance(numbers, np.ndarray) and numbers.dtype.kind not in "fiu":
        numbers = numbers.tolist()
    if isinstance(numbers, np.ndarray):
        if numbers.ndim != 1:
            raise BadValue(f"an array of {numbers.ndim} dimensions is no vector")
    else:
        _check_elements(numbers)
    try:
        with np.errstate(over="ignore"):  # an overflow is found as an infinity
            return np.ascontiguousarray(numbers, dtype=np.float32)
    except OverflowError as fault:  # an int beyond float64
        raise BadValue("a number too large for 32 bits inside") from fault


def _check_elements(numbers: Sequence[object]) -> None:
    """Raise BadValue for what numpy would convert silently: None, text, booleans."""
    strange = {kind for kind in set(map(type, numbers)) if not _is_number(kind)}
    if not strange:
        return
    culprit = next(number for number in numbers if type(number) in strange)
    raise BadValue("a null inside" if is_null(culprit) else f"{quoted(culprit)} inside is no number")


def _is_number(kind: type) -> bool:
    return issubclass(kind, int | float | np.integer | np.floating) and kind is not bool


def _usable(array: Vector, numbers: NDArray[np.generic] | Sequence[object]) -> Vector:
    # In float32, as pgvector computes it: a vector whose square underflows or overflows has no direction there.
    with np.errstate(over="ignore"):
        square = np.dot(array, array)
    if 0 < square < np.inf:
        return array
    if square == 0:
        raise BadValue("of zero norm")
    raise BadValue("of a norm too large for 32 bits" if np.isfinite(array).all() else _not_finite(numbers))


def _not_finite(numbers: NDArray[np.generic] | Sequence[object]) -> str:
    exact = np.asarray(numbers, dtype=np.float64)
    if np.isnan(exact).any():
        return "NaN inside"
    return "an infinity inside" if np.isinf(exact).any() else "a number too large for 32 bits inside"
