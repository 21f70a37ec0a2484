"""Writes pickles that no pickler would: values, names, calls and states put together opcode by opcode."""

from __future__ import annotations

import pickle
import struct
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Name:
    """STACK_GLOBAL of a module and a name."""

    module: str
    name: str

    def __call__(self, *args: Any) -> Call:
        """Return REDUCE of this name with these arguments."""
        return Call(self, args)


@dataclass(frozen=True)
class Call:
    """REDUCE, or NEWOBJ, of a function with arguments, and perhaps BUILD with a state."""

    function: Any
    args: Any
    state: Any = None
    new: bool = False


@dataclass(frozen=True)
class Raw:
    """Opcodes as they are."""

    opcodes: bytes


def assemble(value: Any) -> bytes:
    """Return the opcodes that put ``value`` on the stack; nothing is memoized."""
    match value:
        case Raw():
            return value.opcodes
        case Name():
            return assemble(value.module) + assemble(value.name) + b"\x93"
        case Call():
            made = assemble(value.function) + assemble(value.args) + (b"\x81" if value.new else b"R")
            return made if value.state is None else made + assemble(value.state) + b"b"
        case tuple():
            return b"(" + b"".join(map(assemble, value)) + b"t"
        case list():
            return b"](" + b"".join(map(assemble, value)) + b"e"
        case dict():
            return b"}(" + b"".join(assemble(part) for pair in value.items() for part in pair) + b"u"
    return _scalar(value)


def _scalar(value: Any) -> bytes:
    match value:
        case None:
            return b"N"
        case bool():
            return b"\x88" if value else b"\x89"
        case int():
            raw = pickle.encode_long(value)
            return b"\x8a" + bytes([len(raw)]) + raw if len(raw) < 256 else b"\x8b" + struct.pack("<I", len(raw)) + raw
        case float():
            return b"G" + struct.pack(">d", value)
        case str():
            raw = value.encode("utf-8", "surrogatepass")
            return b"X" + struct.pack("<I", len(raw)) + raw
        case bytes():
            return b"B" + struct.pack("<I", len(value)) + value
    raise TypeError(f"{type(value).__name__} cannot be assembled")


def pickled(value: Any, protocol: int = 4) -> bytes:
    """Return a whole pickle."""
    return b"\x80" + bytes([protocol]) + assemble(value) + b"."


def in_a_row(value: Any, before: int = 0) -> bytes:
    """Return a list of dicts in whose last row ``value`` is a cell."""
    return pickled([{"a": 1}] * before + [{"a": value}])


DTYPE = Name("numpy", "dtype")
NDARRAY = Name("numpy", "ndarray")
FROMBUFFER = Name("numpy._core.numeric", "_frombuffer")
RECONSTRUCT = Name("numpy._core.multiarray", "_reconstruct")
MANAGER = Name("pandas.core.internals.managers", "BlockManager")
BLOCK = Name("pandas._libs.internals", "_unpickle_block")
FRAME = Name("pandas", "DataFrame")
NEW_INDEX = Name("pandas.core.indexes.base", "_new_Index")
SLICE = Name("builtins", "slice")
I8, F4, B1, I1, OBJECT = (DTYPE(code, False, True) for code in ("i8", "f4", "b1", "i1", "O8"))


def array(dtype: Any, shape: tuple[Any, ...], data: bytes) -> Call:
    """Return an array of raw bytes."""
    return FROMBUFFER(data, dtype, shape, "C")


def objects(items: list[Any], shape: tuple[Any, ...] | None = None) -> Call:
    """Return an array of Python objects."""
    state = (1, (len(items),) if shape is None else shape, OBJECT, False, items)
    return Call(RECONSTRUCT, (NDARRAY, (0,), b"b"), state)


def range_index(stop: Any, start: Any = 0, step: Any = 1) -> Call:
    """Return a RangeIndex."""
    return NEW_INDEX(Name("pandas", "RangeIndex"), {"name": None, "start": start, "stop": stop, "step": step})


def index(data: Any, kind: str = "Index") -> Call:
    """Return an index over an array."""
    return NEW_INDEX(Name("pandas", kind), {"data": data, "name": None})


def manager_frame(blocks: tuple[Any, ...], axes: list[Any]) -> Call:
    """Return a frame of these blocks and axes."""
    return Call(FRAME, (), {"_mgr": MANAGER(blocks, axes), "_typ": "dataframe", "_metadata": [], "attrs": {}}, new=True)


def frame(*columns: Any, rows: Any = None) -> Call:
    """Return a frame of three rows, or of ``rows``, whose columns are these arrays, one block each."""
    blocks = tuple(BLOCK(values, SLICE(n, n + 1, 1), 1) for n, values in enumerate(columns))
    labels = index(objects([f"c{n}" for n in range(len(columns))]))
    return manager_frame(blocks, [labels, range_index(3) if rows is None else rows])
