"""An entry of the hot buffer: one committed chunk as a ready message, with what is needed to verify and to slice it.

Redis is not trusted: an entry is used only if its seal, a GMAC with the domain's key, is valid for all of it.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from uuid import UUID

import numpy as np

from pc_worker.hot_buffer.seal import SEAL_BYTES, is_sealed, make_seal
from pc_worker.wire.row import ROW_TYPES
from pc_worker.wire.row_block import ROW_ID_BYTES, RowBlock, build_block, row_type_prefix

MAGIC = b"PCW2"
#: Magic, epoch, nonce, first position, rows, the row type's field number, bytes of the domain's name; then the name,
#: the bytes of each row as uint32, the message, the seal.
HEADER = struct.Struct("<4s16sqqIBH")
#: Upper bound of an entry. Anything larger was not written by us and is not read into memory.
ENTRY_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Entry:
    """One committed chunk; valid only while its log batch has the same epoch and nonce and is complete."""

    domain: str
    epoch: UUID
    nonce: int
    block: RowBlock

    @property
    def first(self) -> int:
        """Position of the first row."""
        return self.block.positions[0]

    @property
    def last(self) -> int:
        """Position of the last row."""
        return self.block.positions[-1]

    def message(self) -> bytes:
        """Return the serialised ``RowChunk``."""
        return self.block.message(0, len(self.block))

    def to_bytes(self, key: bytes) -> bytes:
        """Return the entry as bytes, sealed with the domain's key; ``from_bytes`` is the inverse."""
        name = self.domain.encode()
        block = self.block
        header = HEADER.pack(
            MAGIC, self.epoch.bytes, self.nonce, self.first, len(block), ROW_TYPES[block.row_type].number, len(name)
        )
        lengths = np.diff(block.offsets).astype("<u4").tobytes()
        front, message = b"".join((header, name, lengths)), self.message()
        return b"".join((front, message, make_seal(key, front, message)))

    @classmethod
    def from_bytes(cls, stored: bytes, key: bytes) -> Entry | None:
        """Read an entry; None when it is truncated, altered, sealed with another key, or not an entry at all."""
        front = front_bytes(stored[: HEADER.size], len(stored))
        if front is None:
            return None
        return cls.from_parts(stored[:front], stored[front:-SEAL_BYTES], stored[-SEAL_BYTES:], key)

    @classmethod
    def from_parts(cls, front: bytes, message: bytes, seal: bytes, key: bytes) -> Entry | None:
        """Read an entry from its front, its message and its seal; None if the seal is invalid."""
        if not is_sealed(key, seal, front, message):
            return None
        _, epoch, nonce, first, rows, number, name_bytes = HEADER.unpack_from(front)
        name_end = HEADER.size + name_bytes
        lengths = np.frombuffer(front, "<u4", count=rows, offset=name_end).tolist()
        row_type = next(row_type for row_type, spec in ROW_TYPES.items() if spec.number == number)
        block = _ready_block(row_type, range(first, first + rows), lengths, message)
        return cls(front[HEADER.size : name_end].decode(), UUID(bytes=epoch), nonce, block)


def front_bytes(header: bytes, total: int) -> int | None:
    """Return how many of an entry's ``total`` bytes precede its message; None if ``header`` is not an entry's."""
    if len(header) < HEADER.size or total > ENTRY_BYTES:
        return None
    magic, _, _, _, rows, _, name_bytes = HEADER.unpack(header)
    front = HEADER.size + name_bytes + 4 * rows
    return front if magic == MAGIC and front + SEAL_BYTES <= total else None


def build_entry(
    row_type: str, *, domain: str, epoch: UUID, nonce: int, first_position: int, rows: Sequence[tuple[str, bytes]]
) -> Entry:
    """Build the entry of a committed chunk from its (row_id, row message) pairs at consecutive positions.

    Raises:
        ValueError: If there are no rows.
    """
    if not rows:
        raise ValueError("an entry has at least one row")
    positions = range(first_position, first_position + len(rows))
    return Entry(domain, epoch, nonce, build_block(row_type, positions, rows))


def _ready_block(row_type: str, positions: range, lengths: list[int], message: bytes) -> RowBlock:
    body = sum(lengths)
    start = len(row_type_prefix(row_type, body))
    ids = message[start + body : start + body + ROW_ID_BYTES * len(lengths)]
    return RowBlock(row_type, positions, message, list(accumulate(lengths, initial=start)), ids, whole=message)
