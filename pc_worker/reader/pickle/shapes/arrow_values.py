"""Arrow arrays of any type: the requested rows' parts of each buffer, put together and checked by pyarrow."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from pc_worker.reader.cells import zones
from pc_worker.reader.errors import Rejected, broken, over_limit
from pc_worker.reader.index.store import Store
from pc_worker.reader.pickle.described import Call
from pc_worker.reader.pickle.shapes import arrow_views as views
from pc_worker.reader.pickle.shapes.arrow_buffers import buffer, sequence
from pc_worker.reader.pickle.shapes.arrow_cells import arrow_kind, arrow_python_values
from pc_worker.reader.pickle.shapes.columns import Reader

_STEP = 1 << 14


class ArrowValues(Reader):
    """One Arrow array."""

    def __init__(self, store: Store, chunk: Call) -> None:
        self._store, self._chunk = store, chunk
        self._type = arrow_type(store, chunk.args[0])
        if pa.types.is_timestamp(self._type) and self._type.tz:
            zones.of_text(self._type.tz)
        self.kind = arrow_kind(self._type)
        self.dimension = self._type.list_size if self.kind == "vector" else None

    def __len__(self) -> int:
        return int(self._chunk.args[1])

    def prove(self) -> None:
        """Read everything once in steps; what may hold no Python value is also made into values."""
        convert = pa.types.is_nested(self._type) or self.kind in ("date", "time", "category", "mixed")
        for start in range(0, len(self), _STEP):
            array = self._slice(start, min(start + _STEP, len(self)))
            if convert:
                _converted(array)

    def _slice(self, start: int, stop: int) -> Any:
        try:
            array = _piece(self._store, self._type, self._chunk.args, start, stop)
            array.validate(full=True)
        except (pa.ArrowException, ValueError, TypeError, ArithmeticError) as error:
            reason = f"an Arrow column is damaged in its rows {start} to {stop}"
            raise broken(f"{reason}: load the file with pandas, and save it again") from error
        return array

    def read(self, start: int, stop: int) -> Sequence[Any]:
        """Return the cells of rows ``start`` up to ``stop``."""
        return _converted(self._slice(start, stop))


def _converted(array: Any) -> list[Any]:
    try:
        return arrow_python_values(array)
    except (pa.ArrowException, ValueError, TypeError, ArithmeticError) as error:
        raise broken(f"an Arrow column holds what is no value ({type(error).__name__})") from error


def arrow_type(store: Store, described: Any) -> Any:
    """Return the Arrow type that the file describes.

    Raises:
        Rejected: If Arrow has no such type.
    """
    if not isinstance(described, Call) or described.kind != "ArrowType":
        raise broken("an Arrow type is not one")
    name, *args = described.args
    if name == "struct":
        args = [[arrow_type(store, field) for field in sequence(store, args[0])]]
    args = [arrow_type(store, arg) if isinstance(arg, Call) else arg for arg in args]
    _check_arguments(name, args)
    try:
        return getattr(pa, name)(*args[:3])
    except (pa.ArrowException, ValueError, TypeError, ArithmeticError) as error:
        raise Rejected("broken", f"an Arrow type is not one ({type(error).__name__})") from error


#: Types that pyarrow pickles by their name, and whose values have a normal form.
_ALIASES = re.compile(
    r"null|bool|u?int(8|16|32|64)|float|halffloat|double|(large_)?(string|utf8|binary)|"
    r"(string|binary)_view|month_day_nano_interval|date(32|64)(\[(day|ms)\])?|(time(32|64)|timestamp|duration)\[(s|ms|us|ns)\]"
)


def _check_arguments(name: str, args: list[Any]) -> None:
    """Check what pyarrow itself does not: it may end the process over a negative size."""
    inner = args[0] if name == "struct" else args
    if name == "struct" and len({field.name for field in inner}) != len(inner):
        raise broken("two fields of an Arrow struct have one name")
    if any(type(arg) is int and name in ("binary", "list_") and arg < 0 for arg in args):
        raise broken("an Arrow type has a negative size")
    if name == "type_for_alias" and not _ALIASES.fullmatch(args[0]):
        raise broken(f"the Arrow type {args[0][:40]!r} is not read")


def _costs_nothing(kind: Any) -> bool:
    """Return whether values of this type take no bytes, so that any number of them fits into any file."""
    if isinstance(kind, pa.BaseExtensionType):
        return _costs_nothing(kind.storage_type)
    if pa.types.is_struct(kind):
        return all(_costs_nothing(kind.field(number).type) for number in range(kind.num_fields))
    if pa.types.is_fixed_size_list(kind):
        return kind.list_size == 0 or _costs_nothing(kind.value_type)
    return bool(pa.types.is_null(kind))


#: Values without bytes in one slice; each is a Python object in the end.
_FREE_VALUES = 1 << 20


def _piece(store: Store, kind: Any, args: Any, start: int, stop: int) -> Any:
    """Return rows ``start`` up to ``stop`` of a described array, as a pyarrow array that is not yet checked."""
    if not isinstance(args, tuple) or len(args) != 7 or not 0 <= start <= stop <= args[1]:
        raise broken("an Arrow array has fewer rows than its column")
    if stop - start > _FREE_VALUES and _costs_nothing(kind):
        raise over_limit("an Arrow column holds too many values that take no bytes")
    if isinstance(kind, pa.BaseExtensionType):
        return kind.wrap_array(_piece(store, kind.storage_type, args, start, stop))
    _, _, _, offset, buffers, children, dictionary = args
    buffers, children = sequence(store, buffers), sequence(store, children)
    # Bits are cut at whole bytes, so everything begins at a multiple of eight.
    first = (offset + start) // 8 * 8
    skip, last = offset + start - first, offset + stop
    if pa.types.is_dictionary(kind):
        words = _piece(store, kind.value_type, dictionary, 0, dictionary[1])
        codes = _piece(store, kind.index_type, (*args[:5], [], None), start, stop)
        return pa.DictionaryArray.from_arrays(codes, words, safe=True)
    made, parts = _buffers(store, kind, buffers, children, first, last)
    pieces = [None if raw is None else pa.py_buffer(raw) for raw in made]
    return pa.Array.from_buffers(kind, stop - start, pieces, -1, skip, parts)


def _buffers(
    store: Store, kind: Any, buffers: list[Any], children: list[Any], first: int, last: int
) -> tuple[list[bytes | None], list[Any]]:
    """Return the parts of an array's own buffers for elements ``first`` to ``last``, and its children."""
    bits = buffer(store, buffers, 0, first // 8, (last + 7) // 8) if buffers else None
    if pa.types.is_null(kind):
        return [None], []
    if pa.types.is_struct(kind):
        fields = [kind.field(number).type for number in range(kind.num_fields)]
        return [bits], [_piece(store, t, child, first, last) for t, child in zip(fields, children, strict=True)]
    if pa.types.is_fixed_size_list(kind):
        size = kind.list_size
        return [bits], [_piece(store, kind.value_type, children[0], first * size, last * size)]
    if pa.types.is_boolean(kind):
        return [bits, buffer(store, buffers, 1, first // 8, (last + 7) // 8)], []
    if _is_view(kind):
        return views.parts(store, kind, buffers, bits, first, last), []
    if pa.types.is_list_view(kind) or pa.types.is_large_list_view(kind):
        moved, low, high = views.list_parts(store, kind, buffers, first, last)
        return [bits, *moved], [_piece(store, kind.value_type, children[0], low, high)]
    if _has_offsets(kind):
        return _with_offsets(store, kind, buffers, children, bits, first, last)
    size = kind.bit_width // 8
    return [bits, buffer(store, buffers, 1, first * size, last * size)], []


def _is_view(kind: Any) -> bool:
    return bool(pa.types.is_string_view(kind) or pa.types.is_binary_view(kind))


def _has_offsets(kind: Any) -> bool:
    types = pa.types
    checks = (types.is_list, types.is_large_list, types.is_map, types.is_string, types.is_large_string)
    more = (types.is_binary, types.is_large_binary)
    return any(check(kind) for check in (*checks, *more))


def _with_offsets(
    store: Store, kind: Any, buffers: list[Any], children: list[Any], bits: bytes | None, first: int, last: int
) -> tuple[list[bytes | None], list[Any]]:
    types = pa.types
    large = types.is_large_list(kind) or types.is_large_string(kind) or types.is_large_binary(kind)
    width = np.dtype("<i8" if large else "<i4")
    raw = buffer(store, buffers, 1, first * width.itemsize, (last + 1) * width.itemsize)
    places = np.frombuffer(raw, width) if raw else np.zeros(1, width)
    low, high = int(places[0]), int(places[-1])
    if not 0 <= low <= high:
        raise broken("an Arrow column's lists do not follow one another")
    moved = (places - low).astype(width).tobytes()
    if not children:
        return [bits, moved, buffer(store, buffers, 2, low, high) or b""], []
    child = kind.value_type if not types.is_map(kind) else pa.struct([kind.key_field, kind.item_field])
    return [bits, moved], [_piece(store, child, children[0], low, high)]
