"""Checks Arrow batches before they are used: reading does not, and using a damaged offset ends the process."""

from __future__ import annotations

from typing import Any

import pyarrow as pa


def check(batch: Any) -> None:
    """Check everything that a batch refers to.

    A ``date64`` that is no whole day and a decimal of more digits than its type says are values all the same, and a
    time beyond its day costs its column only: Arrow's own writers let them pass.

    Raises:
        pa.ArrowInvalid: If it is damaged.
    """
    try:
        batch.validate(full=True)
    except pa.ArrowInvalid:
        for column in batch.columns:
            bare = _bare(column.type)
            (column if bare == column.type else column.view(bare)).validate(full=True)


def _bare(kind: Any) -> Any:
    """Return the type of the same bytes with plain ones in place of dates, times and decimals, at any depth."""
    types = pa.types
    if types.is_date64(kind) or types.is_time64(kind):
        return pa.int64()
    if types.is_time32(kind):
        return pa.int32()
    if types.is_decimal(kind):
        return pa.binary(kind.byte_width)
    if types.is_struct(kind):
        return pa.struct([_bare_field(kind.field(number)) for number in range(kind.num_fields)])
    if types.is_map(kind):
        return pa.map_(_bare(kind.key_type), _bare_field(kind.item_field), keys_sorted=kind.keys_sorted)
    if types.is_fixed_size_list(kind):
        return pa.list_(_bare_field(kind.value_field), kind.list_size)
    if types.is_large_list(kind):
        return pa.large_list(_bare_field(kind.value_field))
    return pa.list_(_bare_field(kind.value_field)) if types.is_list(kind) else kind


def _bare_field(field: Any) -> Any:
    return field.with_type(_bare(field.type))
