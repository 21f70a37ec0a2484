"""Names of the standard library's other value types: fractions, addresses, paths, counters, queues, number arrays.

Each becomes what JSON has for it: a text, a list, an object.
"""

from __future__ import annotations

import fractions
import ipaddress
import pathlib
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from pc_worker.reader.errors import not_a_table, unsafe
from pc_worker.reader.pickle.described import Array, Container, Payload, Symbol, check_filled

Rule = Callable[[tuple[Any, ...]], Any]
#: Bits of a fraction's parts, and its text: as long as the longest decimal that is taken.
_MAX_BITS, _FRACTION = 8300, re.compile(r"[+-]?\d{1,2500}(/\d{1,2500})?", re.ASCII)
#: Types of numbers by the machine formats of ``array._array_reconstructor``, and by type code.
_FORMATS = ("u1", "i1", "<u2", ">u2", "<i2", ">i2", "<u4", ">u4", "<i4", ">i4", "<u8", ">u8", "<i8", ">i8",
            "<f4", ">f4", "<f8", ">f8")  # fmt: skip
_CODES = {"b": "i1", "B": "u1", "h": "<i2", "H": "<u2", "i": "<i4", "I": "<u4", "l": "<i8", "L": "<u8", "q": "<i8",
          "Q": "<u8", "f": "<f4", "d": "<f8"}  # fmt: skip
_ARRAY = Symbol("array", "array")


def _unknown(name: str) -> Exception:
    return unsafe(f"{name} is called with arguments that no known writer gives it")


def _fraction(args: tuple[Any, ...]) -> str:
    match args:
        case (int() as upper, int() as lower) if max(upper.bit_length(), lower.bit_length()) <= _MAX_BITS:
            return str(fractions.Fraction(upper, lower))
        case (str() as text,) if _FRACTION.fullmatch(text):
            return str(fractions.Fraction(text))
    raise _unknown("Fraction")


def _address(kind: Callable[[Any], Any]) -> Rule:
    def rule(args: tuple[Any, ...]) -> str:
        match args:
            case (int() as number,):
                return str(kind(number))
            case (str() as text,) if len(text) <= 200:
                return str(kind(text))
        raise _unknown(getattr(kind, "__name__", "an address"))

    return rule


def _path(kind: Callable[..., pathlib.PurePath]) -> Rule:
    def rule(args: tuple[Any, ...]) -> str:
        if not all(type(part) is str for part in args):
            raise _unknown("a path")
        return str(kind(*args))

    return rule


def _counter(args: tuple[Any, ...]) -> dict[Any, Any]:
    match args:
        case ():
            return {}
        case (dict() as counts,) if all(isinstance(count, int | float) for count in counts.values()):
            return counts
    raise _unknown("Counter")


def _deque(args: tuple[Any, ...]) -> Container:
    match args:
        case () | ((),) | ((), None):
            return Container("list")
        case ((), int() as longest) if longest >= 0:
            return Container("list")
    raise _unknown("deque")


def _array(args: tuple[Any, ...]) -> Array:
    """Describe ``array(code, numbers)``, which protocols 0 to 2 write."""
    match args:
        case (str() as code, list() as numbers) if all(type(number) in (int, float) for number in numbers):
            dtype = _number_type(_CODES.get(code))
            return Array(dtype, (len(numbers),), data=np.array(numbers, dtype).tobytes())
        case ("u" | "w", _):
            raise _characters()
    raise _unknown("array")


def _restored_array(args: tuple[Any, ...]) -> Array:
    """Describe ``_array_reconstructor(array, code, format, bytes)``."""
    match args:
        case (Symbol() as kind, str(), int() as form, bytes() | Payload() as data) if kind == _ARRAY and form >= 0:
            dtype = _number_type(_FORMATS[form] if form < len(_FORMATS) else None)
            return check_filled(Array(dtype, (len(data) // dtype.itemsize,), data=data))
    raise _unknown("array")


def _number_type(code: str | None) -> np.dtype[Any]:
    if code is None:
        raise _characters()
    return np.dtype(code)


def _characters() -> Exception:
    return not_a_table("an array.array in a cell holds characters: save it as a text")


_ADDRESSES: tuple[Callable[[Any], Any], ...] = (
    *(ipaddress.IPv4Address, ipaddress.IPv4Network, ipaddress.IPv4Interface),
    *(ipaddress.IPv6Address, ipaddress.IPv6Network, ipaddress.IPv6Interface),
)
_PATHS: dict[str, Callable[..., pathlib.PurePath]] = {
    "PosixPath": pathlib.PurePosixPath,
    "PurePosixPath": pathlib.PurePosixPath,
    "WindowsPath": pathlib.PureWindowsPath,
    "PureWindowsPath": pathlib.PureWindowsPath,
}
CALLS: dict[tuple[str, str], Rule] = {
    ("fractions", "Fraction"): _fraction,
    ("collections", "Counter"): _counter,
    ("collections", "deque"): _deque,
    ("array", "array"): _array,
    ("array", "_array_reconstructor"): _restored_array,
    **{("ipaddress", kind.__name__): _address(kind) for kind in _ADDRESSES},
    # Python 3.13 names the module in which the classes are.
    **{(module, name): _path(kind) for module in ("pathlib", "pathlib._local") for name, kind in _PATHS.items()},
}
CLASSES: dict[tuple[str, str], Rule] = {}
ARGUMENTS: frozenset[tuple[str, str]] = frozenset()
CONSTANTS: dict[tuple[str, str], Any] = {}
