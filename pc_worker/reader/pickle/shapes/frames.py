"""The containers of the contract: frames, series, dicts of columns, lists of dicts, streams of any of these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pc_worker.reader.cells.normal import label_text
from pc_worker.reader.errors import NoCell, broken, not_a_table
from pc_worker.reader.index.layout import Listing
from pc_worker.reader.index.store import Store
from pc_worker.reader.limits import Limits
from pc_worker.reader.pickle.described import Array, Call, Foreign, check_filled, class_name
from pc_worker.reader.pickle.shapes.arrays import block_columns, column, index_data
from pc_worker.reader.pickle.shapes.arrow_buffers import sequence
from pc_worker.reader.pickle.shapes.columns import Reader
from pc_worker.reader.pickle.shapes.indexes import Levels, is_default, labels_of, levels_of, name_of
from pc_worker.reader.pickle.shapes.names import column_names, index_names
from pc_worker.reader.pickle.shapes.no_cells import of_entries, of_rows
from pc_worker.reader.pickle.shapes.wrappers import fields_of


@dataclass(frozen=True, slots=True)
class Shape:
    """A table: its columns by name, in normal-form order, or its rows as one list of dicts.

    Attributes:
        container: Which container of the contract it is.
        rows: Number of rows.
        columns: The columns, index levels first; empty for ``dicts``.
        dicts: The rows, for a list of dicts.
        keys: Their keys in order of first appearance, by name.
    """

    container: str
    rows: int
    columns: dict[str, Reader]
    dicts: Listing | None = None
    keys: tuple[Any, ...] = ()


def shape_of(store: Store, value: Any, limits: Limits) -> Shape:
    """Return the table that ``value``, what one pickle is, is for.

    Raises:
        Rejected: If it is no table.
    """
    match value:
        case Call(kind="DataFrame"):
            return _frame(store, value, limits, "DataFrame")
        case Call(kind="Series"):
            return _series(store, value)
        case dict() if _is_frame(value.get("data_frame")):
            return _frame(store, value["data_frame"], limits, "dict with a DataFrame under data_frame")
        case dict():
            return _columns(store, value)
        case Listing() if len(value) == 0:
            return Shape("list of dicts", 0, {})
        case Listing(foreign=Foreign() as found) if value.dicts == len(value):
            raise NoCell(0, *found)
        case Listing() if value.dicts == len(value):
            return Shape("list of dicts", len(value), {}, value, value.keys)
        case list() if all(isinstance(row, dict) for row in value):
            raise of_rows(value)
    what = "list of other things than dicts" if isinstance(value, Listing | list) else class_name(value)
    raise not_a_table(f"the file holds a {what}; a DataFrame, a Series, a dict of columns or a list of dicts is read")


def _is_frame(value: Any) -> bool:
    return isinstance(value, Call) and value.kind == "DataFrame"


def is_columns(value: Any) -> bool:
    """Return whether a dict's values are all columns of one length."""
    if not isinstance(value, dict) or not value:
        return False
    lengths = {_length(item) for item in value.values()}
    return len(lengths) == 1 and None not in lengths


def _length(value: Any) -> int | None:
    match value:
        case Listing() | tuple() | list():
            return len(value)
        case Array(shape=(length, *_)):
            return int(length)
        case Call(kind="Series" | "Index" | "RangeIndex") | Call(state=dict() | tuple()):
            return -1
    return None


def _columns(store: Store, value: dict[Any, Any]) -> Shape:
    if not value:
        return Shape("dict of columns", 0, {})
    readers = []
    for label, item in value.items():
        if _is_frame(item):
            where = f"the dict's entry {label_text(label)[:60]!r}"
            raise not_a_table(
                f"{where} is a DataFrame: only that under 'data_frame' is read; save the DataFrame itself"
            )
        if _length(item) is None:
            raise of_entries(value, label)
        try:
            readers.append(_series_values(store, item) if _is_series(item) else _dict_column(store, item))
        except NoCell as found:
            raise found.of(label_text(label)) from found
    if len({len(reader) for reader in readers}) != 1:
        raise not_a_table("the dict's entries are not columns of one length")
    names = column_names([label_text(label) for label in value])
    return Shape("dict of columns", len(readers[0]), dict(zip(names, readers, strict=True)))


def _is_series(value: Any) -> bool:
    return isinstance(value, Call) and value.kind == "Series"


def _dict_column(store: Store, item: Any) -> Reader:
    if isinstance(item, Call) and item.kind.endswith("Index"):
        return levels_of(store, item)[0][1]
    return column(store, index_data(item))


def _frame(store: Store, frame: Call, limits: Limits, container: str) -> Shape:
    blocks, axes = _manager(store, fields_of(frame))
    if len(axes) != 2:
        raise broken("a DataFrame has not two axes")
    labels = [label_text(name_of(label)) for label in labels_of(store, axes[0], limits.columns)]
    levels = levels_of(store, axes[1])
    rows = len(levels[0][1])
    readers: list[Reader | None] = [None] * len(labels)
    for block in blocks:
        _place(store, block, readers, rows, labels)
    if any(reader is None for reader in readers):
        raise broken("a DataFrame has a column that no block holds")
    found = [reader for reader in readers if reader is not None]
    return Shape(container, rows, _named(levels, rows, labels, found))


def _named(levels: Levels, rows: int, labels: Sequence[str], readers: Sequence[Reader]) -> dict[str, Reader]:
    if any(len(reader) != rows for _, reader in levels) or any(len(reader) != rows for reader in readers):
        raise broken("the table's columns are not as long as its index")
    names = column_names(labels)
    columns: dict[str, Reader] = {}
    if not is_default(levels, rows):
        of_index = index_names([name for name, _ in levels], names)
        columns.update(zip(of_index, (reader for _, reader in levels), strict=True))
    columns.update(zip(names, readers, strict=True))
    return columns


def _manager(store: Store, state: dict[Any, Any]) -> tuple[list[tuple[Any, Any]], list[Any]]:
    """Return the blocks (values, places) and the axes of a frame or series."""
    match state.get("_mgr", state.get("_data")):
        case Call(kind="BlockManager", args=(blocks, axes)):
            return [_block(block) for block in sequence(store, blocks)], sequence(store, axes)
        case Call(kind="SingleBlockManager", args=(block, axis)):
            return [_block(block)], [axis]
        case Call(kind="BlockManager" | "SingleBlockManager", state=(*_, {"0.14.1": {"axes": axes, "blocks": blocks}})):
            found = [(block["values"], block["mgr_locs"]) for block in sequence(store, blocks)]
            return found, sequence(store, axes)
    raise broken("a table's content is stored in a form that no pandas from 0.25 to 3 writes")


def _block(block: Any) -> tuple[Any, Any]:
    if not isinstance(block, Call) or block.kind != "Block":
        raise broken("a table holds something else than blocks")
    return block.args[0], block.args[1]


def _place(
    store: Store, block: tuple[Any, Any], readers: list[Reader | None], rows: int, labels: Sequence[str]
) -> None:
    values, places = block
    numbers = _places(store, places, len(readers))
    try:
        columns = block_columns(store, values, len(numbers))
    except NoCell as found:
        raise found.of(labels[numbers[found.number]]) from found
    for number, reader in zip(numbers, columns, strict=True):
        if readers[number] is not None:
            raise broken(f"two blocks hold column {number}")
        if len(reader) != rows:
            raise broken(f"column {number} has {len(reader)} cells and the index {rows} rows")
        readers[number] = reader


def _places(store: Store, places: Any, columns: int) -> list[int]:
    if isinstance(places, slice) and places.step != 0:
        numbers = list(range(*places.indices(columns)))
    elif isinstance(places, Array) and places.dtype is not None and places.dtype.kind == "i":
        numbers = store.array(check_filled(places)).ravel().tolist()
    else:
        raise broken("a block does not say which columns it holds")
    if any(not 0 <= number < columns for number in numbers) or len(numbers) > columns:
        raise broken("a block stands for columns that the table does not have")
    return numbers


def _series(store: Store, series: Call) -> Shape:
    state = fields_of(series)
    blocks, axes = _manager(store, state)
    if len(axes) != 1 or len(blocks) != 1:
        raise broken("a Series has not one block and one axis")
    levels = levels_of(store, axes[0])
    name = name_of(state.get("name", state.get("_name")))
    label = "0" if name is None else label_text(name)
    rows = len(levels[0][1])
    try:
        cells = column(store, blocks[0][0])
    except NoCell as found:
        raise found.of(label) from found
    return Shape("Series", rows, _named(levels, rows, [label], [cells]))


def _series_values(store: Store, series: Call) -> Reader:
    return list(_series(store, series).columns.values())[-1]
