"""Cells of Arrow arrays as Python values, nested ones too: exact to the nanosecond and in any year, without pandas."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pc_worker.reader.cells import zones
from pc_worker.reader.cells.values import NAT, Timestamp
from pc_worker.reader.pickle.shapes.timestamps import clock_values

_types = pa.types
_KINDS = (
    ("bool", _types.is_boolean), ("int", _types.is_integer), ("float", _types.is_floating),
    ("decimal", _types.is_decimal), ("date", _types.is_date), ("datetime", _types.is_timestamp),
    ("time", _types.is_time), ("timedelta", _types.is_duration), ("bytes", _types.is_binary),
    ("bytes", _types.is_large_binary), ("bytes", _types.is_binary_view), ("bytes", _types.is_fixed_size_binary),
    ("text", _types.is_string), ("text", _types.is_large_string), ("text", _types.is_string_view),
    ("dict", _types.is_struct), ("list", _types.is_nested), ("category", _types.is_dictionary),
    ("null", _types.is_null),
)  # fmt: skip
_DAY_S, _DAY_NS = 86_400, 86_400 * 10**9
_NS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}


def arrow_kind(kind: Any) -> str:
    """Return a column's kind by its Arrow type; "mixed" if only its cells show it."""
    if isinstance(kind, pa.BaseExtensionType):
        return {"arrow.uuid": "uuid", "arrow.bool8": "bool"}.get(kind.extension_name) or arrow_kind(kind.storage_type)
    if _types.is_run_end_encoded(kind):
        return arrow_kind(kind.value_type)
    if _types.is_fixed_size_list(kind) and _types.is_floating(kind.value_type) and kind.list_size >= 2:
        return "vector"
    return next((name for name, is_kind in _KINDS if is_kind(kind)), "mixed")


def dimension_of(kind: Any) -> int | None:
    """Return the length of a column's vectors, if the Arrow type determines it."""
    if isinstance(kind, pa.BaseExtensionType):
        return dimension_of(kind.storage_type)
    return kind.list_size if arrow_kind(kind) == "vector" else None


def arrow_python_values(array: Any) -> list[Any]:
    """Return an Arrow array's cells as Python values; None for null.

    Raises:
        pa.ArrowException, ValueError, ArithmeticError, TypeError: If a cell is for no Python value.
    """
    return converter(array.type)(array)


def converter(kind: Any) -> Callable[[Any], list[Any]]:
    """Return what makes Python values of arrays of one type; worth keeping where many arrays have it."""
    if isinstance(kind, pa.BaseExtensionType) and kind.extension_name not in _OWN_VALUES:
        return _of_storage
    if _is_plain(kind):
        return _plain
    return next((rule for is_kind, rule in _RULES if is_kind(kind)), _plain)


#: Extension types whose own values differ from those that they are stored as.
_OWN_VALUES = ("arrow.uuid", "arrow.bool8")


def _of_storage(array: Any) -> list[Any]:
    return arrow_python_values(array.storage)


def _is_plain(kind: Any) -> bool:
    """Return whether pyarrow's own, much faster conversion returns the wanted values, also of nested types."""
    if isinstance(kind, pa.BaseExtensionType):
        return False
    if _types.is_struct(kind):
        fields = [kind.field(number) for number in range(kind.num_fields)]
        return len({field.name for field in fields}) == len(fields) > 0 and all(_is_plain(f.type) for f in fields)
    if _types.is_map(kind):
        return _is_plain(kind.key_type) and _is_plain(kind.item_type)
    if _types.is_list(kind) or _types.is_large_list(kind):
        return _is_plain(kind.value_type)
    return any(is_plain(kind) for is_plain in _PLAIN)


def _plain(array: Any) -> list[Any]:
    cells: list[Any] = array.to_pylist()
    return cells


def _moments(array: Any) -> list[Any]:
    zone = getattr(array.type, "tz", None)
    letter = "M" if _types.is_timestamp(array.type) else "m"
    return clock_values(_ticks(array).view(f"{letter}8[{array.type.unit}]"), zones.of_text(zone) if zone else None)


def _ticks(array: Any) -> np.ndarray:
    """Return the numbers behind timestamps, durations, dates and times; NaT for null."""
    numbers = _raw(array, np.dtype(np.int64 if array.type.bit_width == 64 else np.int32)).astype(np.int64)
    numbers[_absent(array)] = NAT
    return numbers


def _raw(array: Any, dtype: np.dtype[Any]) -> np.ndarray:
    """Return the numbers of an array, anything for null; from its buffer, because ``to_numpy`` imports pandas."""
    data = array.buffers()[1]
    if data is None or len(array) == 0:
        return np.zeros(len(array), dtype)
    return np.frombuffer(data, dtype, len(array), array.offset * dtype.itemsize)


def _absent(array: Any) -> list[int]:
    """Return the numbers of the cells that are null."""
    return [number for number, there in enumerate(_present(array)) if not there] if array.null_count else []


def _dates(array: Any) -> list[Any]:
    step = 1 if _types.is_date32(array.type) else _DAY_S * 1000
    return [None if tick == NAT else _date(tick // step) for tick in _ticks(array).tolist()]


def _date(days: int) -> dt.date | Timestamp:
    try:
        return dt.date.fromordinal(719_163 + days)  # of 1970-01-01
    except (ValueError, OverflowError):
        return Timestamp(days * _DAY_S, "s")


def _times(array: Any) -> list[Any]:
    step = _NS[array.type.unit]
    return [None if tick == NAT else _time(tick * step) for tick in _ticks(array).tolist()]


def _time(nanoseconds: int) -> dt.time | str:
    if not 0 <= nanoseconds < _DAY_NS:
        raise ValueError("a time of day is none")
    seconds, rest = divmod(nanoseconds, 10**9)
    time = dt.time(seconds // 3600, seconds % 3600 // 60, seconds % 60, rest // 1000)
    return time if rest % 1000 == 0 else f"{time.replace(microsecond=0).isoformat()}.{rest:09d}"


def _vectors(array: Any) -> list[Any]:
    size = array.type.list_size
    flat = array.values.slice(array.offset * size, len(array) * size)
    if not _types.is_floating(array.type.value_type) or size < 2:
        return _cut(array, arrow_python_values(flat), [number * size for number in range(len(array) + 1)])
    numbers = _raw(flat, np.dtype(f"f{flat.type.bit_width // 8}")).copy()
    numbers[_absent(flat)] = np.nan
    rows = numbers.reshape(len(array), size)
    return [row if there else None for row, there in zip(rows, _present(array), strict=True)]


def _lists(array: Any) -> list[Any]:
    if len(array) == 0:
        return []
    places = array.offsets.to_pylist()
    first, last = places[0], places[-1]
    cells = arrow_python_values(array.values.slice(first, last - first))
    return _cut(array, cells, [place - first for place in places])


def _views(array: Any) -> list[Any]:
    """Return lists that may overlap or are in any order."""
    pairs = zip(array.offsets.to_pylist(), array.sizes.to_pylist(), _present(array), strict=True)
    return [arrow_python_values(array.values.slice(start, size)) if there else None for start, size, there in pairs]


def _maps(array: Any) -> list[Any]:
    if len(array) == 0:
        return []
    places = array.offsets.to_pylist()
    first, last = places[0], places[-1]
    keys, items = (arrow_python_values(part.slice(first, last - first)) for part in (array.keys, array.items))
    return _cut(array, list(zip(keys, items, strict=True)), [place - first for place in places])


def _cut(array: Any, cells: list[Any], places: list[int]) -> list[Any]:
    present = _present(array)
    return [cells[places[n] : places[n + 1]] if present[n] else None for n in range(len(array))]


def _present(array: Any) -> list[bool]:
    found: list[bool] = array.is_valid().to_pylist()
    return found


def _structs(array: Any) -> list[Any]:
    names = [array.type.field(number).name for number in range(array.type.num_fields)]
    columns = [arrow_python_values(array.field(number)) for number in range(len(names))]
    if not columns:
        return [{} if there else None for there in _present(array)]
    rows = zip(*columns, strict=True)
    present = _present(array)
    return [dict(zip(names, row, strict=True)) if there else None for row, there in zip(rows, present, strict=True)]


def _categories(array: Any) -> list[Any]:
    if len(array.dictionary) > len(array):
        return arrow_python_values(array.dictionary_decode())
    words = arrow_python_values(array.dictionary)
    return [None if code is None else words[code] for code in array.indices.to_pylist()]


def _runs(array: Any) -> list[Any]:
    return arrow_python_values(pc.run_end_decode(array))


def _spans_of_three(array: Any) -> list[Any]:
    """Return months, days and nanoseconds, which are no span of time: each as a list of three."""
    return [None if cell is None else list(cell) for cell in array.to_pylist()]


_PLAIN = (
    _types.is_null, _types.is_boolean, _types.is_integer, _types.is_floating, _types.is_decimal,
    _types.is_string, _types.is_large_string, _types.is_binary, _types.is_large_binary,
)  # fmt: skip
_RULES: tuple[tuple[Callable[[Any], bool], Callable[[Any], list[Any]]], ...] = (
    (_types.is_timestamp, _moments),
    (_types.is_duration, _moments),
    (_types.is_date, _dates),
    (_types.is_time, _times),
    (_types.is_fixed_size_list, _vectors),
    (_types.is_map, _maps),
    (_types.is_list, _lists),
    (_types.is_large_list, _lists),
    (_types.is_list_view, _views),
    (_types.is_large_list_view, _views),
    (_types.is_struct, _structs),
    (_types.is_dictionary, _categories),
    (_types.is_run_end_encoded, _runs),
    (_types.is_interval, _spans_of_three),
)
