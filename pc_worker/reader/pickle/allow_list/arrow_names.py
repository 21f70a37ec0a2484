"""Names that pyarrow writes: types, buffers and arrays of columns backed by Arrow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pc_worker.reader.errors import not_a_table, unsafe
from pc_worker.reader.pickle.described import Call, Payload

_LIB = "pyarrow.lib"


def _type(name: str, *kinds: tuple[type, ...]) -> Callable[[tuple[Any, ...]], Call]:
    """Return a type constructor whose arguments are of ``kinds``; trailing ones may be left out."""

    def rule(args: tuple[Any, ...]) -> Call:
        if len(args) > len(kinds) or not all(isinstance(a, k) for a, k in zip(args, kinds, strict=False)):
            raise unsafe(f"pyarrow's {name} is called with arguments that no known writer gives it")
        return Call("ArrowType", (name, *args))

    return rule


def _buffer(args: tuple[Any, ...]) -> Call:
    if len(args) != 1 or not isinstance(args[0], bytes | bytearray | Payload):
        raise unsafe("a pyarrow buffer is made of something else than bytes")
    return Call("ArrowBuffer", args)


def _restore(args: tuple[Any, ...]) -> Call:
    """Describe ``((type, length, nulls, offset, buffers, children, dictionary),)``."""
    if len(args) != 1 or not isinstance(args[0], tuple) or len(args[0]) != 7:
        raise unsafe("a pyarrow array is made in a way that no known writer uses")
    return Call("ArrowArray", args[0])


def _chunked(args: tuple[Any, ...]) -> Call:
    if len(args) != 2:
        raise unsafe("a pyarrow chunked array is made in a way that no known writer uses")
    return Call("ArrowChunks", args)


def _runs(args: tuple[Any, ...]) -> Call:
    raise not_a_table("a column is run-end encoded: decode it with pyarrow.compute.run_end_decode, and save it again")


_TEXT, _NUMBER, _FLAG, _PART, _ANY = (str,), (int,), (bool,), (Call,), (object,)
CALLS: dict[tuple[str, str], Callable[[tuple[Any, ...]], Any]] = {
    (_LIB, "type_for_alias"): _type("type_for_alias", _TEXT),
    (_LIB, "timestamp"): _type("timestamp", _TEXT, (str, type(None))),
    (_LIB, "decimal32"): _type("decimal32", _NUMBER, _NUMBER),
    (_LIB, "decimal64"): _type("decimal64", _NUMBER, _NUMBER),
    (_LIB, "decimal128"): _type("decimal128", _NUMBER, _NUMBER),
    (_LIB, "decimal256"): _type("decimal256", _NUMBER, _NUMBER),
    (_LIB, "binary"): _type("binary", _NUMBER),
    (_LIB, "list_"): _type("list_", _PART, _NUMBER),
    (_LIB, "large_list"): _type("large_list", _PART),
    (_LIB, "list_view"): _type("list_view", _PART),
    (_LIB, "large_list_view"): _type("large_list_view", _PART),
    (_LIB, "run_end_encoded"): _runs,
    (_LIB, "uuid"): _type("uuid"),
    (_LIB, "bool8"): _type("bool8"),
    (_LIB, "json_"): _type("json_", _PART),
    (_LIB, "struct"): _type("struct", _ANY),
    (_LIB, "map_"): _type("map_", _PART, _PART, _FLAG),
    (_LIB, "dictionary"): _type("dictionary", _PART, _PART, _FLAG),
    (_LIB, "field"): _type("field", _TEXT, _PART, _FLAG, _ANY),
    (_LIB, "py_buffer"): _buffer,
    (_LIB, "_restore_array"): _restore,
    (_LIB, "chunked_array"): _chunked,
}
CLASSES: dict[tuple[str, str], Callable[[tuple[Any, ...]], Any]] = {}
ARGUMENTS: frozenset[tuple[str, str]] = frozenset()
CONSTANTS: dict[tuple[str, str], Any] = {}
