"""Texts in Arrow's batches: pyarrow takes any bytes for one, and finds out when it makes a Python text of them."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from pc_worker.reader.errors import Rejected

_types = pa.types


def check_utf8(batch: Any, first_row: int) -> None:
    """Check that all texts of a batch are UTF-8.

    Raises:
        Rejected: With the column of the first that is not, and with its row unless it is nested.
    """
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        if _holds_text(column.type) and not _is_sound(column):
            rows = [number for number in range(len(column)) if not _is_sound(column.slice(number, 1))]
            row = first_row + rows[0] if column.type.num_fields == 0 and rows else None
            reason = f"column `{name}` holds a text that is not UTF-8: export it again, in UTF-8 or as binary"
            raise Rejected("broken", reason, column=name, row=row)


def _is_sound(column: Any) -> bool:
    try:
        column.validate(full=True)
    except pa.ArrowInvalid as error:
        return "UTF8" not in str(error)  # what else is invalid, such as a time of no day, is rejected where it is read
    return True


def _holds_text(kind: Any) -> bool:
    if isinstance(kind, pa.BaseExtensionType):
        return _holds_text(kind.storage_type)
    if _types.is_dictionary(kind) or _types.is_run_end_encoded(kind):
        return _holds_text(kind.value_type)
    if _types.is_string(kind) or _types.is_large_string(kind) or _types.is_string_view(kind):
        return True
    return any(_holds_text(kind.field(number).type) for number in range(kind.num_fields))
