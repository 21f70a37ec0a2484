"""Consecutive rows of a log as bytes that can be sliced between any two rows without decoding them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from pc_worker.wire.generated import embedding_stream_pb2 as pb
from pc_worker.wire.row import ROW_TYPES, prefix

#: The default limit of gRPC clients, less the five bytes that frame a message.
MESSAGE_BYTES = 4 * 1024 * 1024 - 5
#: A UUID of 36 characters with its tag and length.
ROW_ID_BYTES = 38
ROW_ID_MARK = prefix(14, 36).decode("ascii")
#: Bytes of a message in addition to rows, ids and positions: tags and lengths.
FRAME_BYTES = 16
#: The longest varint of a position.
POSITION_BYTES = 9


@dataclass(frozen=True, slots=True)
class RowBlock:
    """Rows of one row type in log order.

    ``data[offsets[i]:offsets[i + 1]]`` is row i as an element of the chunk's ``rows`` field, ``ids`` holds the encoded
    ``row_ids`` fields, 38 bytes each. ``whole`` is the serialised ``RowChunk`` of all rows, if there is one.
    """

    row_type: str
    positions: Sequence[int]
    data: bytes
    offsets: Sequence[int]
    ids: bytes
    whole: bytes | None = None

    def __len__(self) -> int:
        return len(self.positions)

    def row_id(self, index: int) -> str:
        """Return the UUID of row ``index``."""
        end = (index % len(self) + 1) * ROW_ID_BYTES
        return self.ids[end - 36 : end].decode("ascii")

    def uuid_bytes(self, start: int, end: int) -> bytes:
        """Return the UUIDs of rows ``start`` to ``end``, exclusive, as 16 bytes each."""
        encoded = self.ids[start * ROW_ID_BYTES : end * ROW_ID_BYTES]
        texts = (encoded[at + 2 : at + ROW_ID_BYTES] for at in range(0, len(encoded), ROW_ID_BYTES))
        return bytes.fromhex(b"".join(texts).replace(b"-", b"").decode("ascii"))

    def size(self, start: int, end: int) -> int:
        """Return an upper bound of the bytes of ``message(start, end)``."""
        rows = end - start
        return self.offsets[end] - self.offsets[start] + rows * (ROW_ID_BYTES + POSITION_BYTES) + FRAME_BYTES

    def message(self, start: int, end: int) -> bytes:
        """Return rows ``start`` to ``end``, exclusive, as a serialised ``RowChunk``."""
        if self.whole is not None and start == 0 and end == len(self):
            return self.whole
        body = self.data[self.offsets[start] : self.offsets[end]]
        ids = self.ids[start * ROW_ID_BYTES : end * ROW_ID_BYTES]
        positions = pb.RowChunk(positions=self.positions[start:end]).SerializeToString()
        return b"".join((row_type_prefix(self.row_type, len(body)), body, ids, positions))

    def cuts(self, start: int = 0, *, max_rows: int, max_bytes: int = MESSAGE_BYTES) -> Iterator[tuple[int, int]]:
        """Yield (start, end) of the fewest messages for the rows from ``start`` on, each within both limits.

        A row alone may exceed ``max_bytes``.
        """
        if start == 0 and self.whole is not None and len(self) <= max_rows and len(self.whole) <= max_bytes:
            yield 0, len(self)
            return
        while start < len(self):
            end = start + 1
            while end < len(self) and end - start < max_rows and self.size(start, end + 1) <= max_bytes:
                end += 1
            yield start, end
            start = end


def row_type_prefix(row_type: str, body_bytes: int) -> bytes:
    """Return tag and length of the oneof field around ``body_bytes`` of rows."""
    return prefix(ROW_TYPES[row_type].number, body_bytes)


def build_block(row_type: str, positions: Sequence[int], rows: Sequence[tuple[str, bytes]]) -> RowBlock:
    """Join (row_id, row message) pairs; ``positions`` has one for each, rising."""
    starts = [prefix(1, len(message)) for _, message in rows]
    return RowBlock(
        row_type=row_type,
        positions=positions,
        data=b"".join(part for start, (_, message) in zip(starts, rows, strict=True) for part in (start, message)),
        offsets=list(accumulate((len(s) + len(row[1]) for s, row in zip(starts, rows, strict=True)), initial=0)),
        ids="".join(ROW_ID_MARK + row_id for row_id, _ in rows).encode("ascii"),
    )
