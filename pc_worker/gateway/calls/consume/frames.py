"""Messages of a consumer: parses its requests; cuts log slices to its limits and frames them without decoding rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import google_crc32c
import numpy as np
from google.protobuf.message import DecodeError
from numpy.typing import NDArray

from pc_worker.errors import InvalidRequest
from pc_worker.gateway.log.delivery import LogSlice
from pc_worker.store.log.read import Tombstone
from pc_worker.wire import MESSAGE_BYTES, RowBlock, prefix, tagged
from pc_worker.wire.generated import embedding_stream_pb2 as pb

#: The frame's own fields: positions, model, epoch, tags and lengths.
FRAME_BYTES = 512
#: A tombstone's UUID and position with their tags.
TOMBSTONE_BYTES = 60
#: The tag and length of a chunk's delivery counts; each count takes one byte.
COUNT_BYTES = 8
RESPONSE_REDELIVERED = pb.ConsumeResponse.REDELIVERED_FIELD_NUMBER
REDELIVERED_ROWS = pb.ConsumeRedelivered.ROWS_FIELD_NUMBER
RESPONSE_CHUNK = pb.ConsumeResponse.CHUNK_FIELD_NUMBER
CHUNK_ROWS = pb.ConsumeChunk.ROWS_FIELD_NUMBER


@dataclass(frozen=True, slots=True)
class Frame:
    """A serialised ConsumeResponse with a chunk, and what it contains."""

    message: bytes
    position: int
    rows: int
    tombstones: int
    identity: bytes
    queued: bool


def frames(
    log_slice: LogSlice, *, after: int, max_rows: int, max_bytes: int, marks: Sequence[int] = ()
) -> Iterator[Frame]:
    """Yield the slice as frames that join without gaps from ``after`` on.

    Each of ``marks`` stands for an earlier delivery of all rows up to that position.
    """
    waiting = list(log_slice.tombstones)
    room = _room(log_slice, max_bytes) - (max_rows + COUNT_BYTES if marks else 0)
    cuts = list(log_slice.block.cuts(log_slice.start, max_rows=max_rows, max_bytes=room))
    if not cuts and waiting:
        cuts = [(0, 0)]
    for start, end in cuts:
        upto = log_slice.upto if end in (0, cuts[-1][1]) else log_slice.block.positions[end - 1]
        tombstones = [tombstone for tombstone in waiting if tombstone.position <= upto]
        waiting = waiting[len(tombstones) :]
        deliveries = _deliveries(log_slice.block.positions[start:end], marks)
        yield _frame(log_slice, start, end, after, upto, tombstones, deliveries)
        after = upto


def extend_checksum(checksum: int, frame: Frame) -> int:
    """Return the crc32c of everything sent, with ``frame``; the end of log reports it."""
    return int(google_crc32c.extend(checksum, frame.identity))


def parse_request(raw: object) -> pb.ConsumeRequest | None:
    """Parse a consumer's message; return None if it has half-closed.

    Raises:
        InvalidRequest: If it is not a ConsumeRequest.
    """
    if not isinstance(raw, bytes):
        return None
    try:
        return pb.ConsumeRequest.FromString(raw)
    except DecodeError as exc:
        raise InvalidRequest("the message is not a ConsumeRequest") from exc


def _room(log_slice: LogSlice, max_bytes: int) -> int:
    jobs = sum(len(job.encode()) + 3 for job in log_slice.jobs)
    return min(max_bytes, MESSAGE_BYTES) - FRAME_BYTES - TOMBSTONE_BYTES * len(log_slice.tombstones) - jobs


def redelivery(block: RowBlock, *, deliveries: int, model: str, epoch: str) -> bytes:
    """Return the message with which the only row of ``block`` is sent again."""
    chunk = tagged(REDELIVERED_ROWS, block.message(0, 1))
    chunk += pb.ConsumeRedelivered(deliveries=[deliveries], model=model, epoch=epoch).SerializeToString()
    return tagged(RESPONSE_REDELIVERED, chunk)


def _deliveries(positions: Sequence[int], marks: Sequence[int]) -> list[int]:
    """Return the deliveries of each row with this one, or one number for all; nothing if it is the first."""
    counts = [1 + sum(mark >= position for mark in marks) for position in positions] if marks else []
    if len(set(counts)) <= 1:
        return [count for count in counts[:1] if count > 1]
    return counts


def _frame(
    log_slice: LogSlice,
    start: int,
    end: int,
    after: int,
    upto: int,
    tombstones: Sequence[Tombstone],
    deliveries: Sequence[int],
) -> Frame:
    chunk = pb.ConsumeChunk(
        after_position=after,
        position=upto,
        tombstones=[pb.ConsumeTombstone(row_id=each.row_id, position=each.position) for each in tombstones],
        model=log_slice.model,
        epoch=str(log_slice.epoch),
        job_ids=log_slice.jobs[start:end] if len(log_slice.jobs) > 1 else log_slice.jobs,
        deliveries=deliveries,
    ).SerializeToString()
    message = _response(chunk, log_slice.block.message(start, end) if end > start else b"")
    identity = _row_identity(log_slice.block, start, end) + _tombstone_identity(tombstones)
    return Frame(message, upto, end - start, len(tombstones), identity, log_slice.queued)


def _response(chunk: bytes, rows: bytes) -> bytes:
    # Joined once: each copy of some MB counts.
    opening = prefix(CHUNK_ROWS, len(rows)) if rows else b""
    return b"".join((prefix(RESPONSE_CHUNK, len(chunk) + len(opening) + len(rows)), chunk, opening, rows))


def _row_identity(block: RowBlock, start: int, end: int) -> bytes:
    taken = block.positions[start:end]
    # A range, of an entry of the hot buffer, is not worth an iteration for each chunk.
    positions = np.arange(taken.start, taken.stop) if isinstance(taken, range) else np.array(taken, dtype=np.int64)
    row_ids = np.frombuffer(block.uuid_bytes(start, end), dtype="V16")
    return _interleaved(row_ids, positions)


def _tombstone_identity(tombstones: Sequence[Tombstone]) -> bytes:
    raw = bytes.fromhex("".join(each.row_id for each in tombstones).replace("-", ""))
    return _interleaved(np.frombuffer(raw, dtype="V16"), np.array([each.position for each in tombstones], dtype=">i8"))


def _interleaved(row_ids: NDArray[Any], positions: NDArray[Any]) -> bytes:
    table = np.empty(len(row_ids), dtype=[("row_id", "V16"), ("position", ">i8")])
    table["row_id"], table["position"] = row_ids, positions
    return table.tobytes()
