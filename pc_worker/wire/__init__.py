"""The protobuf form of a row: one row, and blocks of rows as ready bytes."""

from __future__ import annotations

from pc_worker.wire.row import WirePassage, prefix, row_head, row_message, row_type_of, tagged
from pc_worker.wire.row_block import MESSAGE_BYTES, RowBlock, build_block, build_read_block

__all__ = [
    "MESSAGE_BYTES",
    "RowBlock",
    "WirePassage",
    "build_block",
    "build_read_block",
    "prefix",
    "row_head",
    "row_message",
    "row_type_of",
    "tagged",
]
