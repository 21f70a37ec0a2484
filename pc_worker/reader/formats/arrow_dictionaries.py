"""Dictionary-encoded Arrow columns as plain ones, at any depth: an Arrow file holds one dictionary a column only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pc_worker.reader.errors import Rejected, over_limit
from pc_worker.reader.limits import Limits

#: Bytes that rows may take at a time when their dictionaries are resolved.
_SEGMENT_BYTES = 64 << 20
_types = pa.types


def without_dictionaries(batch: Any, limits: Limits) -> Iterator[Any]:
    """Yield a batch with plain columns in place of dictionary-encoded ones, whose words may differ by batch.

    In parts of bounded size: a long word costs a byte for each value that refers to it.

    Raises:
        Rejected: If one cell takes more than the limits allow.
    """
    encoded = [column for column in batch.columns if holds_dictionary(column.type)]
    if not encoded:
        yield batch
        return
    rest = [batch]
    while rest:
        piece = rest.pop()
        if piece.num_rows > 1 and sum(map(_cost, piece.columns)) > _SEGMENT_BYTES:
            half = piece.num_rows // 2
            rest += [piece.slice(half), piece.slice(0, half)]
            continue
        if piece.num_rows == 1:
            _check_row(piece, limits)
        columns = list(map(_plain, piece.columns))
        fields = [field.with_type(column.type) for field, column in zip(batch.schema, columns, strict=True)]
        yield pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields, metadata=batch.schema.metadata))


def holds_dictionary(kind: Any) -> bool:
    """Return whether values of a type are dictionary-encoded at any depth."""
    if isinstance(kind, pa.BaseExtensionType):
        return holds_dictionary(kind.storage_type)
    if _types.is_dictionary(kind):
        return True
    if _types.is_run_end_encoded(kind):
        return holds_dictionary(kind.value_type)
    return any(holds_dictionary(kind.field(number).type) for number in range(kind.num_fields))


def _check_row(row: Any, limits: Limits) -> None:
    for name, column in zip(row.schema.names, row.columns, strict=True):
        size = _cost(column)
        if size > limits.cell_bytes and not _types.is_dictionary(column.type):
            reason = f"a cell of column `{name}` takes {size} bytes and the limit is {limits.cell_bytes}"
            found = over_limit(f"{reason}: its list repeats long words")
            raise Rejected(found.kind, found.reason, column=name)


def _cost(array: Any) -> int:
    """Return the bytes that the dictionary-encoded values of an array take as plain ones."""
    kind = array.type
    if not holds_dictionary(kind):
        return 0
    if isinstance(kind, pa.BaseExtensionType):
        return _cost(array.storage)
    if _types.is_dictionary(kind):
        return _cost_of_words(array)
    if _types.is_run_end_encoded(kind):
        return _cost(array.values) * max(1, len(array))
    if _types.is_struct(kind):
        return sum(_cost(array.field(number)) for number in range(kind.num_fields))
    if _types.is_map(kind):
        return sum(map(_cost, _entries(array)))
    return _cost(_items(array))


def _cost_of_words(array: Any) -> int:
    words, count = array.dictionary, len(array)
    if _types.is_dictionary(words.type) or not count or not len(words):
        return int(words.nbytes) * count
    if _types.is_primitive(words.type):
        return count * (int(words.type.bit_width) // 8 + 1)
    if not _has_lengths(words.type):
        return int(words.nbytes) * count
    lengths = pc.binary_length(words)
    if (bound := count * (int(pc.max(lengths).as_py() or 0) + 8)) <= _SEGMENT_BYTES // 64:
        return bound
    return count * 8 + int(pc.sum(lengths.cast(pa.int64()).take(array.indices)).as_py() or 0)


def _has_lengths(kind: Any) -> bool:
    checks = (_types.is_string, _types.is_large_string, _types.is_binary, _types.is_large_binary)
    return any(check(kind) for check in checks)


def _plain(array: Any) -> Any:
    """Return an array with plain values in place of dictionary-encoded ones."""
    kind = array.type
    if not holds_dictionary(kind):
        return array
    if isinstance(kind, pa.BaseExtensionType):
        return _plain(array.storage)
    if _types.is_dictionary(kind):
        return _plain(array.dictionary_decode())
    if _types.is_run_end_encoded(kind):
        whole = pa.RunEndEncodedArray.from_arrays(array.run_ends, _plain(array.values))
        return whole.slice(array.offset, len(array))
    return _nested(array, array.is_null() if array.null_count else None)


def _nested(array: Any, absent: Any) -> Any:
    kind = array.type
    if _types.is_struct(kind):
        parts = [_plain(array.field(number)) for number in range(kind.num_fields)]
        fields = [kind.field(number).with_type(part.type) for number, part in enumerate(parts)]
        return pa.StructArray.from_arrays(parts, fields=fields, mask=absent)
    if _types.is_map(kind):
        keys, items = map(_plain, _entries(array))
        return pa.MapArray.from_arrays(_offsets(array), keys, items, mask=absent)
    items = _plain(_items(array))
    if _types.is_fixed_size_list(kind):
        return pa.FixedSizeListArray.from_arrays(items, kind.list_size, mask=absent)
    if _types.is_list_view(kind) or _types.is_large_list_view(kind):
        maker = pa.ListViewArray if _types.is_list_view(kind) else pa.LargeListViewArray
        return maker.from_arrays(array.offsets, array.sizes, items, mask=absent)
    maker = pa.LargeListArray if _types.is_large_list(kind) else pa.ListArray
    return maker.from_arrays(_offsets(array), items, mask=absent)


def _entries(array: Any) -> tuple[Any, Any]:
    """Return the keys and the items of a slice of maps."""
    start, length = _used_range(array)
    return array.keys.slice(start, length), array.items.slice(start, length)


def _items(array: Any) -> Any:
    """Return the values of a slice of lists; those that views refer to may be anywhere."""
    kind = array.type
    if _types.is_list_view(kind) or _types.is_large_list_view(kind):
        return array.values
    if _types.is_fixed_size_list(kind):
        return array.values.slice(array.offset * kind.list_size, len(array) * kind.list_size)
    return array.values.slice(*_used_range(array))


def _used_range(array: Any) -> tuple[int, int]:
    if len(array) == 0:
        return 0, 0
    offsets = array.offsets
    start = offsets[0].as_py()
    return start, offsets[-1].as_py() - start


def _offsets(array: Any) -> Any:
    """Return where the lists of a slice begin in its own values."""
    kind = pa.int64() if _types.is_large_list(array.type) else pa.int32()
    if len(array) == 0:
        return pa.nulls(1, kind).fill_null(0)
    return pc.subtract(array.offsets, array.offsets[0])
