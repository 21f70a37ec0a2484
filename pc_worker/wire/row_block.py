"""Consecutive rows of a log as bytes that can be sliced between any two rows without decoding them."""

from __future__ import annotations

from binascii import unhexlify
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby
from operator import itemgetter

import numpy as np

from pc_worker.wire.generated import embedding_stream_pb2 as pb
from pc_worker.wire.row import ROW_TYPES, model_field, passage_start, prefix, row_message

#: The default limit of gRPC clients, less the five bytes that frame a message.
MESSAGE_BYTES = 4 * 1024 * 1024 - 5
#: A UUID of 36 characters with its tag and length.
ROW_ID_BYTES = 38
#: Tag and length of an encoded UUID: `r$`, which no UUID contains.
ROW_ID_MARK = prefix(14, 36).decode("ascii")
#: Where the hexadecimal digits are in an encoded UUID: all but the mark and the hyphens.
ROW_ID_DIGITS = np.array([2 + at for at in range(36) if at not in {8, 13, 18, 23}])
#: Bytes of a message in addition to rows, ids and positions: tags and lengths.
FRAME_BYTES = 16
#: Of a passage that is read: its row's position and UUID, these two with the row's message, and what is the passage's.
POSITION, ROW_ID, PLACE, SPAN_AND_VECTOR = itemgetter(0), itemgetter(1), itemgetter(0, 1, 2), itemgetter(3, 4, 5)
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
        encoded = np.frombuffer(self.ids, np.uint8).reshape(-1, ROW_ID_BYTES)[start:end]
        return unhexlify(encoded[:, ROW_ID_DIGITS].tobytes())

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
        positions = _encoded_positions(self.positions[start:end])
        return b"".join((row_type_prefix(self.row_type, len(body)), body, ids, positions))

    def cuts(self, start: int = 0, *, max_rows: int, max_bytes: int = MESSAGE_BYTES) -> Iterator[tuple[int, int]]:
        """Yield (start, end) of the fewest messages for the rows from ``start`` on, each within both limits.

        A row alone may exceed ``max_bytes``.
        """
        if start == 0 and self.whole is not None and len(self) <= max_rows and len(self.whole) <= max_bytes:
            yield 0, len(self)
            return
        while start < len(self):
            end = self._end(start, min(start + max_rows, len(self)), max_bytes)
            yield start, end
            start = end

    def _end(self, start: int, last: int, max_bytes: int) -> int:
        if self.size(start, last) <= max_bytes:
            return last
        ends = range(start + 1, last)
        return start + max(bisect_right(ends, max_bytes, key=lambda end: self.size(start, end)), 1)


def row_type_prefix(row_type: str, body_bytes: int) -> bytes:
    """Return tag and length of the oneof field around ``body_bytes`` of rows."""
    return prefix(ROW_TYPES[row_type].number, body_bytes)


def build_block(row_type: str, positions: Sequence[int], rows: Sequence[tuple[str, bytes]]) -> RowBlock:
    """Join (row_id, row message) pairs; ``positions`` has one for each, rising."""
    starts = [prefix(1, len(message)) for _, message in rows]
    parts = [part for start, (_, message) in zip(starts, rows, strict=True) for part in (start, message)]
    sizes = [len(start) + len(message) for start, (_, message) in zip(starts, rows, strict=True)]
    return join_block(row_type, positions, [row_id for row_id, _ in rows], parts, sizes)


def build_read_block(
    row_type: str, passages: Sequence[tuple[int, str, bytes, int, int, bytes]], model: str
) -> RowBlock:
    """Join rows as they are stored: each passage with its row's position, UUID and message without vectors.

    The passages of a row follow each other; each has its first character, the one after its last, and its vector.

    Raises:
        ValueError: If a row of a stock domain has not exactly one passage.
    """
    positions = list(map(POSITION, passages))
    if len(set(positions)) < len(positions):
        return _block_of_many(row_type, passages, model)
    document, field = row_type == "document", ROW_TYPES[row_type].vector_field
    end_of_row = model_field(model) if document else b""
    parts: list[bytes] = []
    sizes = []
    for _, _, head, start, end, vector in passages:
        opening = passage_start(field, start, end, len(vector)) if document else prefix(field, len(vector))
        size = len(head) + len(opening) + len(vector) + len(end_of_row)
        tag = prefix(1, size)
        parts += (tag, head, opening, vector, end_of_row)
        sizes.append(len(tag) + size)
    return join_block(row_type, positions, list(map(ROW_ID, passages)), parts, sizes)


def _block_of_many(row_type: str, passages: Sequence[tuple[int, str, bytes, int, int, bytes]], model: str) -> RowBlock:
    positions, rows = [], []
    for (position, row_id, head), group in groupby(passages, key=PLACE):
        positions.append(position)
        rows.append((row_id, row_message(row_type, head, list(map(SPAN_AND_VECTOR, group)), model)))
    return build_block(row_type, positions, rows)


def join_block(
    row_type: str, positions: Sequence[int], row_ids: Sequence[str], parts: Iterable[bytes], sizes: Sequence[int]
) -> RowBlock:
    """Return the block of rows that consist of ``parts``, with their tags; each row has its size in ``sizes``.

    Its message is joined here, once: each copy of some MB counts.
    """
    ids = "".join([ROW_ID_MARK + row_id for row_id in row_ids]).encode("ascii")
    opening = row_type_prefix(row_type, sum(sizes)) if sizes else b""
    whole = b"".join((opening, *parts, ids, _encoded_positions(positions)))
    return RowBlock(
        row_type=row_type,
        positions=positions,
        data=whole,
        offsets=list(accumulate(sizes, initial=len(opening))),
        ids=ids,
        whole=whole if sizes else None,
    )


def _encoded_positions(positions: Sequence[int]) -> bytes:
    return pb.RowChunk(positions=positions).SerializeToString()
