"""What the queue holds of one committed chunk: its ready message, and enough beside it to check and to cut it."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from uuid import UUID

import google_crc32c
import numpy as np

from pc_worker.queue.block import ROW_ID_BYTES, RowBlock, arm_prefix, build_block
from pc_worker.queue.wire import ARMS

MAGIC = b"PCW1"
#: magic, epoch, nonce, first position, rows, arm's field number, bytes of the domain's name; then the name, each
#: row's bytes as uint32, the message, the checksum.
HEADER = struct.Struct("<4s16sqqIBH")
CHECKSUM = struct.Struct("<I")
#: The crc32c of anything followed by its own crc32c: checks an entry without copying the checksum off its end.
RESIDUE = 0x48674BC7


@dataclass(frozen=True, slots=True)
class Entry:
    """One committed chunk; good only while its batch in the log has the same epoch and nonce and is intact."""

    domain: str
    epoch: UUID
    nonce: int
    block: RowBlock

    @property
    def first(self) -> int:
        """The position of its first row."""
        return self.block.positions[0]

    @property
    def last(self) -> int:
        """The position of its last row."""
        return self.block.positions[-1]

    def message(self) -> bytes:
        """Give the ready ``RowChunk``."""
        return self.block.message(0, len(self.block))

    def to_bytes(self) -> bytes:
        """Serialise; ``from_bytes`` gives it back."""
        name = self.domain.encode()
        block = self.block
        header = HEADER.pack(
            MAGIC, self.epoch.bytes, self.nonce, self.first, len(block), ARMS[block.arm].number, len(name)
        )
        lengths = np.diff(block.offsets).astype("<u4").tobytes()
        content = b"".join((header, name, lengths, self.message()))
        return content + CHECKSUM.pack(google_crc32c.value(content))

    @classmethod
    def from_bytes(cls, stored: bytes) -> Entry | None:
        """Read an entry; None when it is truncated, altered or not an entry at all."""
        if len(stored) < HEADER.size + CHECKSUM.size or google_crc32c.value(stored) != RESIDUE:
            return None
        magic, epoch, nonce, first, rows, number, name_bytes = HEADER.unpack_from(stored)
        if magic != MAGIC:
            return None
        name_end = HEADER.size + name_bytes
        lengths = np.frombuffer(stored, "<u4", count=rows, offset=name_end).tolist()
        arm = next(arm for arm, spec in ARMS.items() if spec.number == number)
        message = stored[name_end + 4 * rows : -CHECKSUM.size]
        block = _ready_block(arm, range(first, first + rows), lengths, message)
        return cls(stored[HEADER.size : name_end].decode(), UUID(bytes=epoch), nonce, block)


def build_entry(
    arm: str, *, domain: str, epoch: UUID, nonce: int, first_position: int, rows: Sequence[tuple[str, bytes]]
) -> Entry:
    """Make the entry of a committed chunk from its (row_id, row message) pairs at consecutive positions.

    Raises:
        ValueError: If there are no rows.
    """
    if not rows:
        raise ValueError("an entry has at least one row")
    positions = range(first_position, first_position + len(rows))
    return Entry(domain, epoch, nonce, build_block(arm, positions, rows))


def _ready_block(arm: str, positions: range, lengths: list[int], message: bytes) -> RowBlock:
    body = sum(lengths)
    start = len(arm_prefix(arm, body))
    ids = message[start + body : start + body + ROW_ID_BYTES * len(lengths)]
    return RowBlock(arm, positions, message, list(accumulate(lengths, initial=start)), ids, whole=message)
