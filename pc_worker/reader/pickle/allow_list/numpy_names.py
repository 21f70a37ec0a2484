"""Names of numpy 1.x and 2.x that arrays, scalars and their types are made of."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from pc_worker.reader.errors import broken, unsafe
from pc_worker.reader.pickle.described import Array, Call, Payload, Symbol, check_filled, check_shape

_TYPE = re.compile(r"[|<>=]?([biufcmMSUOV])(\d{0,9})")
_UNITS = frozenset({"generic", "Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns", "ps", "fs", "as"})
_MAX_SCALAR = 16 << 20


@dataclass(frozen=True, slots=True)
class Described:
    """A numpy type; ``code`` is what the file wrote, BUILD adds byte order, unit or fields."""

    dtype: np.dtype[Any]


def _dtype(args: tuple[Any, ...]) -> Described:
    match args:
        case (str() as code, False | 0, True | 1) if _TYPE.fullmatch(code):
            return Described(np.dtype(code))
    raise unsafe("numpy.dtype is called with arguments that no known writer gives it")


def _texts(args: tuple[Any, ...]) -> Described:
    """Describe the type of texts of any length (``StringDType``): an array of it holds its texts as a list."""
    match args:
        case (bool() | 0 | 1,) | (bool() | 0 | 1, None | float() | str()):
            return Described(np.dtype(object))
    raise unsafe("numpy's StringDType is made in a way that no known writer uses")


def dtype_with_state(described: Described, state: object) -> Described:
    """Return the type with the byte order, the unit (dates) or the fields (structures) of its pickled state."""
    match state:
        case (3 | 4, str() as order, None, names, fields, int() as size, int(), int(), *rest) if order in "<>|=":
            dtype = _structure(names, fields, size) if names is not None else _ordered(described.dtype, order)
        case _:
            raise broken("a numpy type has a state that no known writer gives it")
    if dtype.kind in "mM" and rest and rest[0] is not None:
        return Described(_with_unit(dtype, rest[0]))
    return Described(dtype)


def _ordered(dtype: np.dtype[Any], order: str) -> np.dtype[Any]:
    return dtype.newbyteorder(">") if order == ">" else dtype.newbyteorder("<") if order == "<" else dtype


def _with_unit(dtype: np.dtype[Any], metadata: object) -> np.dtype[Any]:
    match metadata:
        case (dict() | None, (bytes() | str() as unit, int() as step, 1, 1)) if step > 0:
            name = unit.decode("ascii") if isinstance(unit, bytes) else unit
            if name in _UNITS:
                suffix = "" if name == "generic" else f"[{step}{name}]"
                return np.dtype(f"{dtype.str[:3]}{suffix}")
    raise broken("a numpy date type has a unit that numpy does not know")


def _structure(names: object, fields: object, size: int) -> np.dtype[Any]:
    if not isinstance(names, tuple) or not isinstance(fields, dict) or not 0 < len(names) <= 1000:
        raise broken("a numpy structure has no list of fields")
    formats, offsets = [], []
    for name in names:
        field = fields.get(name)
        if not isinstance(field, tuple) or not isinstance(field[0], Described) or field[0].dtype.hasobject:
            raise broken("a numpy structure has a field that is no plain type")
        formats.append(field[0].dtype)
        offsets.append(field[1])
    return np.dtype({"names": list(names), "formats": formats, "offsets": offsets, "itemsize": size})


def _plain(dtype: object) -> np.dtype[Any]:
    if not isinstance(dtype, Described):
        raise broken("an array's type is not a numpy type")
    return dtype.dtype


def _of_array(dtype: object) -> np.dtype[Any]:
    plain = _plain(dtype)
    if plain.itemsize == 0:
        raise broken("an array's elements have no bytes")
    return plain


def _frombuffer(args: tuple[Any, ...]) -> Array:
    """Describe the call of protocol 5, ``(bytes, dtype, shape, order[, axes])``."""
    if len(args) not in (4, 5) or args[3] not in ("C", "F", "K") or isinstance(args[0], str):
        raise unsafe("_frombuffer is called with arguments that no known writer gives it")
    dtype, shape = _of_array(args[1]), check_shape(args[2])
    if dtype.hasobject:
        raise unsafe("an array of objects is made from raw bytes")
    axes = args[4] if len(args) == 5 else None
    if axes is not None and (args[3] != "K" or sorted(axes) != list(range(len(shape)))):
        raise broken("an array's axes are not an order of its dimensions")
    return check_filled(Array(dtype, shape, args[3], args[0], axes))


#: numpy's arrays, and the read-only ones in which pandas before 1 kept an index's codes.
_ARRAYS = frozenset({Symbol("numpy", "ndarray"), Symbol("pandas.core.indexes.frozen", "FrozenNDArray")})


def _reconstruct(args: tuple[Any, ...]) -> Array:
    match args:
        case (Symbol() as cls, (0,), b"b") if cls in _ARRAYS:
            return Array(None)
    raise unsafe("_reconstruct is called for something else than a plain numpy array")


def array_with_state(array: Array, state: object) -> Array:
    """Return the array that ``(version, shape, dtype, fortran, data)`` describes."""
    match state:
        case (1, shape, dtype, bool() | 0 | 1 as fortran, data) if array.dtype is None:
            plain = _of_array(dtype)
        case _:
            raise broken("an array has a state that no known writer gives it")
    if plain.hasobject == isinstance(data, bytes | bytearray | Payload) or isinstance(data, str | None):
        raise broken("an array's data does not suit its type")
    # Objects are listed in C order regardless of the flag; raw bytes follow the flag.
    order = "F" if fortran and not plain.hasobject else "C"
    return check_filled(Array(plain, check_shape(shape), order, data))


def _scalar(args: tuple[Any, ...]) -> Any:
    """Return one number, text or date: ``(dtype, bytes)``."""
    if len(args) != 2 or not isinstance(args[1], bytes | str | Payload) or len(args[1]) > _MAX_SCALAR:
        raise unsafe("numpy's scalar is called with arguments that no known writer gives it")
    dtype = _plain(args[0])
    if isinstance(args[1], Payload) and dtype.kind in "SUV" and len(args[1]) == dtype.itemsize:
        return args[1]
    if isinstance(args[1], Payload):
        raise broken("a numpy scalar's bytes do not suit its type")
    raw = args[1].encode("latin-1") if isinstance(args[1], str) else args[1]
    if dtype.hasobject or len(raw) != dtype.itemsize:
        raise broken("a numpy scalar's bytes do not suit its type")
    if dtype.itemsize == 0:
        return dtype.type()
    return np.frombuffer(raw, dtype=dtype)[0]


def _masked(args: tuple[Any, ...]) -> Call:
    raise unsafe("masked arrays are not read; store the filled array and its mask as columns")


_CORES = ("numpy.core", "numpy._core")
CALLS: dict[tuple[str, str], Callable[[tuple[Any, ...]], Any]] = {
    ("numpy", "dtype"): _dtype,
    ("numpy._core._internal", "_convert_to_stringdtype_kwargs"): _texts,
    ("numpy.ma.core", "_mareconstruct"): _masked,
    **{(f"{core}.multiarray", "_reconstruct"): _reconstruct for core in _CORES},
    **{(f"{core}.multiarray", "scalar"): _scalar for core in _CORES},
    **{(f"{core}.numeric", "_frombuffer"): _frombuffer for core in _CORES},
}
CLASSES: dict[tuple[str, str], Callable[[tuple[Any, ...]], Any]] = {}
ARGUMENTS = frozenset({("numpy", "ndarray")})
CONSTANTS: dict[tuple[str, str], Any] = {}
