"""From a described array, of numpy, pandas or Arrow, to the columns it holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pc_worker.reader.errors import NoCell, broken, not_a_table
from pc_worker.reader.index.layout import Listing
from pc_worker.reader.index.store import Store
from pc_worker.reader.pickle.allow_list.pandas_names import is_interval
from pc_worker.reader.pickle.described import Array, Call, class_name
from pc_worker.reader.pickle.shapes.arrow import arrow_column
from pc_worker.reader.pickle.shapes.columns import (
    KINDS,
    Numbers,
    Objects,
    RangeNumbers,
    Reader,
    Strided,
    Subarrays,
    Values,
)
from pc_worker.reader.pickle.shapes.derived import Coded, Intervals, Masked
from pc_worker.reader.pickle.shapes.no_cells import no_cell_of
from pc_worker.reader.pickle.shapes.sparse import sparse_column
from pc_worker.reader.pickle.shapes.wrappers import WRAPPERS, backing_of, fields_of


def column(store: Store, value: Any) -> Reader:
    """Return the one column that ``value`` is: an array, an extension array, a list or a tuple.

    Raises:
        Rejected: If it is not a column.
    """
    match value:
        case Listing():
            if value.foreign is not None:
                raise NoCell(0, *value.foreign)
            return Objects(store, value, 0, len(value))
        case () | []:
            return Values([])
        case tuple() | list():
            raise _no_cell(list(value), len(value), transposed=False)
        case np.ndarray():  # in a list of nothing but cells, as an empty Series has its array
            return Values(list(value), KINDS[value.dtype.kind])
        case Array() if len(value.shape) > 1 and value.dtype is not None and not value.dtype.hasobject:
            if value.order == "F" or value.axes is not None:
                return Values(list(store.array(value)))
            return Subarrays(store, value.data, value.dtype, value.shape)
        case Array():
            return columns_of_block(store, value, 1)[0]
        case Call() if value.kind in _EXTENSIONS:
            return _EXTENSIONS[value.kind](store, value)
    raise not_a_table(f"a column is a {class_name(value)}, which is not read")


def block_columns(store: Store, value: Any, count: int) -> list[Reader]:
    """Return the ``count`` columns of a block: a 2-d array, or one extension array."""
    if isinstance(value, Array):
        return columns_of_block(store, value, count)
    backed = backing_of(value) if isinstance(value, Call) else None
    if backed is not None and len(backed[1].shape) == 2:
        wrap = WRAPPERS[value.kind]
        return [wrap(backed[0], numbers) for numbers in columns_of_block(store, backed[1], count)]
    if count != 1:
        raise broken(f"a block of one column stands for {count}")
    return [column(store, value)]


def columns_of_block(store: Store, array: Array, count: int) -> list[Reader]:
    """Return the rows of a 2-d array (or the one 1-d array), each a column of the table."""
    shape = array.shape if array.axes is None else tuple(array.shape[axis] for axis in array.axes)
    if len(shape) == 1:
        shape = (1, *shape)
    if len(shape) != 2 or shape[0] != count or array.dtype is None:
        raise broken(f"a block of shape {shape} stands for {count} columns")
    fortran = array.order == "F" or array.axes == (1, 0)
    width, rows = shape
    places = [(number, width) if fortran else (number * rows, 1) for number in range(width)]
    if not array.dtype.hasobject:
        return [Numbers(store, array.data, array.dtype, first, step, rows) for first, step in places]
    if not isinstance(array.data, Listing):
        raise _no_cell(array.data, rows, transposed=fortran)
    if array.data.foreign is not None:
        number, what, _ = array.data.foreign
        raise NoCell(*_place_of(number, width, rows, transposed=fortran), what)
    if not fortran:
        return [Objects(store, array.data, first, rows) for first, _ in places]
    objects = Objects(store, array.data, 0, width * rows)
    return [Strided(objects, first, step, rows) for first, step in places]


def _no_cell(items: Any, rows: int, *, transposed: bool) -> Exception:
    """Return which of the items, one of which is no cell, it is."""
    found = no_cell_of(items) if isinstance(items, list) else None
    if found is None:
        return not_a_table("a column of Python objects holds something that is no cell")
    width = max(1, len(items) // max(1, rows))
    return NoCell(*_place_of(found[0], width, rows, transposed=transposed), found[1])


def _place_of(number: int, width: int, rows: int, *, transposed: bool) -> tuple[int, int]:
    """Return the column in its block, and the row, of an item of a block's list."""
    return (number % width, number // width) if transposed else (number // max(1, rows), number % max(1, rows))


def _wrapped(store: Store, value: Call) -> Reader:
    backing: tuple[Any, Any] | None = backing_of(value)
    if backing is None:
        state = fields_of(value)
        backing = state.get("_dtype"), state.get("_ndarray", state.get("_data"))
    dtype, array = backing
    if not isinstance(array, Array):
        raise broken(f"a {value.kind} has no array")
    return WRAPPERS[value.kind](dtype, columns_of_block(store, array, 1)[0])


def _categorical(store: Store, value: Call) -> Reader:
    """Return codes and categories, in the state of either era."""
    dtype, codes = _categorical_parts(value)
    if not isinstance(dtype, Call) or not isinstance(codes, Array):
        raise broken("a categorical has no categories or no codes")
    categories = whole_column(store, index_data(fields_of(dtype).get("categories")))
    return coded(store, codes, categories)


def _categorical_parts(value: Call) -> tuple[Any, Any]:
    match value.state:
        case (Call() as dtype, Array() as codes, *_) | (Array() as codes, Call() as dtype, *_):
            return dtype, codes
        case dict():
            fields = fields_of(value)
            return fields.get("_dtype"), fields.get("_codes", fields.get("_ndarray"))
    raise broken("a categorical has a state that no known writer gives it")


def coded(store: Store, codes: Any, categories: list[Any], made: type[Coded] = Coded) -> Reader:
    """Return a column of ``codes`` into ``categories``."""
    if isinstance(codes, np.ndarray) and codes.ndim == 1 and codes.dtype.kind == "i":
        return made(Values(codes.tolist(), "int"), categories)
    if not isinstance(codes, Array) or codes.dtype is None or codes.dtype.kind != "i":
        raise broken("a categorical's codes are not whole numbers")
    return made(columns_of_block(store, codes, 1)[0], categories)


def index_data(index: Any) -> Any:
    """Return the array behind an Index, which the indexes module knows better; a plain array stays."""
    if isinstance(index, Call) and isinstance(index.state, dict) and "data" in index.state:
        return index.state["data"]
    return index


def whole_column(store: Store, value: Any) -> list[Any]:
    """Return all cells of a small column, such as categories."""
    match value:
        case Call(kind="RangeIndex"):
            reader: Reader = RangeNumbers(range_of(value.state))
        case Call(kind="IntervalIndex", state=dict() as state):
            reader = intervals(store, state)
        case _:
            reader = column(store, value)
    store.hold(len(reader))
    return list(reader.read(0, len(reader)))


def range_of(state: Any) -> range:
    """Return the numbers of a RangeIndex.

    Raises:
        Rejected: If its state has none, or more than a table can have rows.
    """
    match state:
        case {"start": int() as start, "stop": int() as stop, "step": int() as step} if step != 0:
            if max(abs(start), abs(stop), abs(step)) < 2**62:
                return range(start, stop, step)
    raise broken("a RangeIndex has no start, stop and step")


def _masked(store: Store, value: Call) -> Reader:
    state = fields_of(value)
    numbers, mask = (column(store, state.get(part)) for part in ("_data", "_mask"))
    if len(numbers) != len(mask):
        raise broken(f"a {value.kind} has {len(numbers)} numbers, and tells of {len(mask)} whether they are null")
    return Masked(numbers, mask)


def _interval_array(store: Store, value: Call) -> Reader:
    state = fields_of(value)
    dtype = state.get("_dtype")
    closed = fields_of(dtype).get("closed") if isinstance(dtype, Call) and dtype.state else None
    closed = closed or state.get("_closed") or (dtype.args[-1] if isinstance(dtype, Call) and dtype.args else "right")
    return intervals(store, {"left": state.get("_left"), "right": state.get("_right"), "closed": closed})


def intervals(store: Store, state: dict[str, Any]) -> Reader:
    """Return the intervals between ``left`` and ``right``."""
    left, right = (column(store, index_data(state.get(side))) for side in ("left", "right"))
    closed = state.get("closed", "right")
    if len(left) != len(right) or not is_interval(None, None, closed):
        raise broken("intervals have not as many left as right bounds, or are closed on no side")
    return Intervals(left, right, closed)


def _sparse(store: Store, value: Call) -> Reader:
    state = fields_of(value)
    dtype = state.get("_dtype")
    fill = fields_of(dtype).get("_fill_value") if isinstance(dtype, Call) else None
    return sparse_column(store, state.get("_sparse_values"), state.get("_sparse_index"), fill)


_EXTENSIONS: dict[str, Callable[[Store, Call], Reader]] = {
    **dict.fromkeys(WRAPPERS, _wrapped),
    "Categorical": _categorical,
    "IntegerArray": _masked,
    "FloatingArray": _masked,
    "BooleanArray": _masked,
    "IntervalArray": _interval_array,
    "SparseArray": _sparse,
    "ArrowStringArray": lambda store, value: arrow_column(store, fields_of(value)),
    "ArrowStringArrayNumpySemantics": lambda store, value: arrow_column(store, fields_of(value)),
    "ArrowExtensionArray": lambda store, value: arrow_column(store, fields_of(value)),
}
