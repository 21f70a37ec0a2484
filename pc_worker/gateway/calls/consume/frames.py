"""A consumer's messages: its own read; pieces of the log cut to its limits and framed without decoding their rows."""

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
from pc_worker.wire import MESSAGE_BYTES, RowBlock, tagged
from pc_worker.wire.generated import embedding_stream_pb2 as pb

#: The frame's own fields: positions, model, epoch, tags and lengths.
FRAME_BYTES = 512
#: A tombstone's UUID and position with their tags.
TOMBSTONE_BYTES = 60
RESPONSE_CHUNK = pb.ConsumeResponse.CHUNK_FIELD_NUMBER
CHUNK_ROWS = pb.ConsumeChunk.ROWS_FIELD_NUMBER


@dataclass(frozen=True, slots=True)
class Frame:
    """A ready ConsumeResponse with a chunk, and what it holds."""

    message: bytes
    position: int
    rows: int
    tombstones: int
    identity: bytes
    queued: bool


def frames(log_slice: LogSlice, *, after: int, max_rows: int, max_bytes: int) -> Iterator[Frame]:
    """Yield the slice as frames that join without gaps from ``after`` on."""
    waiting = list(log_slice.tombstones)
    cuts = list(log_slice.block.cuts(log_slice.start, max_rows=max_rows, max_bytes=_room(log_slice, max_bytes)))
    if not cuts and waiting:
        cuts = [(0, 0)]
    for start, end in cuts:
        upto = log_slice.upto if end in (0, cuts[-1][1]) else log_slice.block.positions[end - 1]
        buried = [tombstone for tombstone in waiting if tombstone.position <= upto]
        waiting = waiting[len(buried) :]
        yield _frame(log_slice, start, end, after, upto, buried)
        after = upto


def extend_checksum(checksum: int, frame: Frame) -> int:
    """Go on with the crc32c of everything sent, as the end of log reports it."""
    return int(google_crc32c.extend(checksum, frame.identity))


def parse_request(raw: object) -> pb.ConsumeRequest | None:
    """Read a consumer's message; None = it has half-closed.

    Raises:
        InvalidRequest: If it is something else.
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


def _frame(log_slice: LogSlice, start: int, end: int, after: int, upto: int, buried: Sequence[Tombstone]) -> Frame:
    chunk = pb.ConsumeChunk(
        after_position=after,
        position=upto,
        tombstones=[pb.ConsumeTombstone(row_id=dead.row_id, position=dead.position) for dead in buried],
        model=log_slice.model,
        epoch=str(log_slice.epoch),
        job_ids=log_slice.jobs[start:end] if len(log_slice.jobs) > 1 else log_slice.jobs,
    ).SerializeToString()
    if end > start:
        chunk += tagged(CHUNK_ROWS, log_slice.block.message(start, end))
    message = tagged(RESPONSE_CHUNK, chunk)
    identity = _row_identity(log_slice.block, start, end) + _tombstone_identity(buried)
    return Frame(message, upto, end - start, len(buried), identity, log_slice.queued)


def _row_identity(block: RowBlock, start: int, end: int) -> bytes:
    positions = np.array(block.positions[start:end], dtype=">i8")
    row_ids = np.frombuffer(block.uuid_bytes(start, end), dtype="V16")
    return _interleaved(row_ids, positions)


def _tombstone_identity(buried: Sequence[Tombstone]) -> bytes:
    raw = bytes.fromhex("".join(dead.row_id for dead in buried).replace("-", ""))
    return _interleaved(np.frombuffer(raw, dtype="V16"), np.array([dead.position for dead in buried], dtype=">i8"))


def _interleaved(row_ids: NDArray[Any], positions: NDArray[Any]) -> bytes:
    table = np.empty(len(row_ids), dtype=[("row_id", "V16"), ("position", ">i8")])
    table["row_id"], table["position"] = row_ids, positions
    return table.tobytes()
