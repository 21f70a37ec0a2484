"""Python clients of the gateway's benchmarks: they take messages as bytes and look no further."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from queue import SimpleQueue

import grpc

from pc_worker.bench.gateway.servers import SERVICE
from pc_worker.wire import MESSAGE_BYTES
from pc_worker.wire.generated import embedding_stream_pb2 as pb

#: First bytes of fields: `chunk` of a ConsumeResponse; `after_position` and `position` of its ConsumeChunk.
CHUNK_TAG, AFTER_POSITION_TAG, POSITION_TAG = 0x12, 0x08, 0x10
#: Chunks a consumer has outstanding at most.
WINDOW_CHUNKS = 8


@contextmanager
def open_channel(address: str) -> Iterator[grpc.Channel]:
    """Connect, with any size of message allowed."""
    with grpc.insecure_channel(address, options=[("grpc.max_receive_message_length", -1)]) as channel:
        grpc.channel_ready_future(channel).result(timeout=10)
        yield channel


def start_stream(
    channel: grpc.Channel, domain: str, *, chunk_rows: int = 0, metadata: Sequence[tuple[str, str]] = ()
) -> Iterator[bytes]:
    """Begin to stream the whole log."""
    request = pb.StreamEmbeddingRequest(domain=domain, chunk_size=chunk_rows).SerializeToString()
    answers: Iterator[bytes] = channel.unary_stream(f"/{SERVICE}/StreamEmbedding")(request, metadata=tuple(metadata))
    return answers


def streamed_s(address: str, domain: str, *, metadata: Sequence[tuple[str, str]] = ()) -> float:
    """Stream the whole log on an open connection; return the seconds that it took."""
    with open_channel(address) as channel:
        started = time.perf_counter()
        for _ in start_stream(channel, domain, metadata=metadata):
            pass
        return time.perf_counter() - started


def consumed_s(address: str, domain: str, rows: int) -> float:
    """Consume the whole log from its start, acknowledging each chunk; return the seconds that it took."""
    requests: SimpleQueue[bytes | None] = SimpleQueue()
    credit = pb.ConsumeCredit(chunks=WINDOW_CHUNKS, bytes=WINDOW_CHUNKS * MESSAGE_BYTES)
    opening = pb.ConsumeOpen(
        domain=domain, subscription="bench", after_position=0, credit=credit, frame_bytes=4 * 1024 * 1024
    )
    requests.put(pb.ConsumeRequest(open=opening).SerializeToString())
    with open_channel(address) as channel:
        started = time.perf_counter()
        for raw in channel.stream_stream(f"/{SERVICE}/Consume")(iter(requests.get, None)):
            position = min(rows, _position(raw))
            if position:
                _acknowledge(requests, position, len(raw))
            if position == rows:
                requests.put(None)
        return time.perf_counter() - started


def _position(raw: bytes) -> int:
    """Return the position of a frame, 0 of any other message; the rows are not decoded, as in a plain stream.

    The position and the one before are the first fields of a frame: https://protobuf.dev/programming-guides/encoding/
    """
    if raw[0] != CHUNK_TAG:
        return 0
    _, at = _varint(raw, 1)
    value = 0
    while raw[at] in (AFTER_POSITION_TAG, POSITION_TAG):
        tag = raw[at]
        value, at = _varint(raw, at + 1)
        if tag == POSITION_TAG:
            break
    return value


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    """Return the number that begins at ``at``, and where the next field begins."""
    value = shift = 0
    while raw[at] & 0x80:
        value |= (raw[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
    return value | raw[at] << shift, at + 1


def _acknowledge(requests: SimpleQueue[bytes | None], position: int, size: int) -> None:
    requests.put(pb.ConsumeRequest(ack=pb.ConsumeAck(position=position)).SerializeToString())
    requests.put(pb.ConsumeRequest(credit=pb.ConsumeCredit(chunks=1, bytes=size)).SerializeToString())
