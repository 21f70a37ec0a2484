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
            position = min(rows, pb.ConsumeResponse.FromString(raw).chunk.position)
            if position:
                _acknowledge(requests, position, len(raw))
            if position == rows:
                requests.put(None)
        return time.perf_counter() - started


def _acknowledge(requests: SimpleQueue[bytes | None], position: int, size: int) -> None:
    requests.put(pb.ConsumeRequest(ack=pb.ConsumeAck(position=position)).SerializeToString())
    requests.put(pb.ConsumeRequest(credit=pb.ConsumeCredit(chunks=1, bytes=size)).SerializeToString())
