"""Consumers like a batch server: one that reads everything from the start, and one that follows permanently."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import grpc

from pc_worker.wire.generated import embedding_stream_pb2 as pb
from pc_worker.wire.generated.embedding_stream_pb2_grpc import EmbeddingStreamServiceStub
from tests.faults.load import DOMAIN

OPTIONS = [
    ("grpc.max_receive_message_length", 8 * 1024 * 1024),
    ("grpc.max_reconnect_backoff_ms", 500),
    ("grpc.keepalive_time_ms", 10_000),
]
PATIENCE_S = 90.0
Requests = queue.SimpleQueue[pb.ConsumeRequest | None]
#: Try again later: the gateway is away, or others of this host have its places.
COME_AGAIN = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED)


@dataclass(slots=True)
class Reading:
    """What one complete reading from position 0 found."""

    texts: dict[str, str] = field(default_factory=dict)
    vectors: dict[str, list[float]] = field(default_factory=dict)
    doubled: list[str] = field(default_factory=list)
    disordered: int = 0
    calls: int = 0


def read_all(address: str, domain: str = DOMAIN, *, vectors_of: Callable[[str], bool] = lambda _: False) -> Reading:
    """Read a domain's log once through, coming again after the last position when the gateway goes away.

    Raises:
        AssertionError: If the end is not reached in 90 s.
    """
    reading, position, deadline = Reading(), 0, time.monotonic() + PATIENCE_S
    with grpc.insecure_channel(address, OPTIONS) as channel:
        stub = EmbeddingStreamServiceStub(channel)
        while True:
            reading.calls += 1
            try:
                request = pb.StreamEmbeddingRequest(domain=domain, after_position=position, chunk_size=200)
                for chunk in stub.StreamEmbedding(request, timeout=60):
                    position = _take(reading, chunk, position, vectors_of)
                return reading
            except grpc.RpcError as exc:
                if exc.code() not in COME_AGAIN or time.monotonic() > deadline:
                    raise AssertionError(f"the reading ended with {exc.code()}: {exc.details()}") from exc
                time.sleep(0.2)


def _take(reading: Reading, chunk: Any, position: int, vectors_of: Callable[[str], bool]) -> int:
    rows = getattr(chunk, chunk.WhichOneof("chunk_data")).rows
    for row, row_id, at in zip(rows, chunk.row_ids, chunk.positions, strict=True):
        reading.disordered += at <= position
        position = at
        if row_id in reading.texts and reading.calls == 1:
            reading.doubled.append(row_id)
        reading.texts[row_id] = row.position
        if vectors_of(row_id):
            reading.vectors[row_id] = list(row.skills_vector)
    return position


class Follower:
    """A subscription that is consumed permanently, in a thread; stores rows and position together, as Java does.

    Attributes:
        texts: Row id → text, as stored.
        faults: What broke the promises of the protocol.
        positions: Every position stored, in order of arrival, is one more than rows; only the last is kept.
    """

    def __init__(
        self,
        address: Callable[[], str],
        name: str = "follower",
        domain: str = DOMAIN,
        *,
        shard: pb.ConsumeShard | None = None,
        position: int = 0,
    ) -> None:
        self._address, self._name, self._domain, self._shard = address, name, domain, shard
        self.texts: dict[str, str] = {}
        self.row_positions: dict[str, int] = {}
        self.faults: list[str] = []
        self.position = position
        self.rows = 0
        self.connections = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stopping.set()
        self._thread.join(20)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self.connections += 1
            try:
                self._connect()
            except grpc.RpcError as exc:
                if exc.code() not in (*COME_AGAIN, grpc.StatusCode.CANCELLED):
                    self.faults.append(f"{exc.code().name}: {exc.details()}")
            except (OSError, AssertionError):  # the stack's addresses are not there just now
                continue
            finally:
                self._stopping.wait(0.2)

    def _connect(self) -> None:
        with grpc.insecure_channel(self._address(), OPTIONS) as channel:
            self._consume(EmbeddingStreamServiceStub(channel))

    def _opening(self) -> pb.ConsumeOpen:
        """Return what each connection asks for."""
        credit = pb.ConsumeCredit(chunks=4, bytes=16 * 1024 * 1024)
        opening = pb.ConsumeOpen(
            domain=self._domain, subscription=self._name, credit=credit, heartbeat_s=1, shard=self._shard
        )
        if self.position:
            opening.after_position = self.position
        return opening

    def _consume(self, stub: EmbeddingStreamServiceStub) -> None:
        requests: Requests = queue.SimpleQueue()
        requests.put(pb.ConsumeRequest(open=self._opening()))
        call = stub.Consume(until_none(requests))
        try:
            for response in call:
                self._answer(response, requests)
                if self._stopping.is_set():
                    return
        finally:
            requests.put(None)
            call.cancel()

    def _answer(self, response: pb.ConsumeResponse, requests: Requests) -> None:
        kind = response.WhichOneof("response")
        if kind == "chunk":
            self._store(response.chunk)
            size = response.ByteSize() + 64
            requests.put(pb.ConsumeRequest(credit=pb.ConsumeCredit(chunks=1, bytes=size)))
        elif kind in ("end_of_log", "progress"):
            self.position = max(self.position, getattr(response, kind).position)
        if kind in ("chunk", "end_of_log", "progress"):
            requests.put(pb.ConsumeRequest(ack=pb.ConsumeAck(position=self.position)))

    def _store(self, chunk: pb.ConsumeChunk) -> None:
        if chunk.after_position != self.position:
            self.faults.append(f"a chunk joins at {chunk.after_position}, stored is {self.position}")
        if chunk.HasField("rows"):
            rows = getattr(chunk.rows, chunk.rows.WhichOneof("chunk_data")).rows
            for row, row_id, at in zip(rows, chunk.rows.row_ids, chunk.rows.positions, strict=True):
                if at <= self.row_positions.get(row_id, 0):
                    self.faults.append(f"row {row_id} came again at position {at}")
                self.row_positions[row_id], self.texts[row_id] = at, row.position
                self.rows += 1
        for dead in chunk.tombstones:
            if dead.position > self.row_positions.get(dead.row_id, 0):
                self.row_positions[dead.row_id] = dead.position
                self.texts.pop(dead.row_id, None)
        self.position = chunk.position


def until_none(requests: queue.SimpleQueue[pb.ConsumeRequest | None]) -> Iterator[pb.ConsumeRequest]:
    while (request := requests.get()) is not None:
        yield request
