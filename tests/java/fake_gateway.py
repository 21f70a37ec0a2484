"""A gateway that serves a small log and breaks in the way a test asks for."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import google_crc32c
import grpc

from pc_worker.wire.generated import embedding_stream_pb2 as pb
from pc_worker.wire.generated.embedding_stream_pb2_grpc import (
    EmbeddingStreamServiceServicer,
    add_EmbeddingStreamServiceServicer_to_server,
)

EPOCH = "6a1f0d52-2f3a-4c53-9d1e-0a4f5b6c7d8e"
OTHER_EPOCH = "7b2f0d52-2f3a-4c53-9d1e-0a4f5b6c7d8e"
MODEL = "model@1"


def row_id(position: int) -> str:
    """Return the id of the row at a position."""
    return str(uuid.UUID(int=position))


def rows(first: int, last: int) -> pb.RowChunk:
    """Return the rows at these positions."""
    chunk = pb.RowChunk()
    for position in range(first, last + 1):
        chunk.recruit.rows.add(id=row_id(position), position="x", skills_vector=[1.0, 0.0])
        chunk.row_ids.append(row_id(position))
        chunk.positions.append(position)
    return chunk


@dataclass
class Seen:
    """One ``Consume`` call as the gateway saw it."""

    opened: pb.ConsumeOpen
    acks: list[int] = field(default_factory=list)
    granted_chunks: int = 0
    granted_bytes: int = 0
    half_closed: threading.Event = field(default_factory=threading.Event)
    gone: threading.Event = field(default_factory=threading.Event)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def take(self, requests: Iterator[pb.ConsumeRequest]) -> None:
        """Take what the client says until it has nothing more to say."""
        try:
            for request in requests:
                with self.changed:
                    self.granted_chunks += request.credit.chunks
                    self.granted_bytes += request.credit.bytes
                    if request.HasField("ack"):
                        self.acks.append(request.ack.position)
                    self.changed.notify_all()
            self.half_closed.set()
        except grpc.RpcError:
            pass  # the client has gone away, as a test may want it to
        self.gone.set()
        with self.changed:
            self.changed.notify_all()

    def wait(self, condition: Callable[[], bool], what: str) -> None:
        """Wait until the client has sent enough."""
        with self.changed:
            assert self.changed.wait_for(condition, timeout=30), what


class Delivery:
    """Sends the messages of a call and records the totals that the client's must equal."""

    def __init__(self, seen: Seen, after: int) -> None:
        self.seen, self.position = seen, after
        self.rows = self.tombstones = self.chunks = 0
        self.checksum = google_crc32c.Checksum()
        self.bytes = 0

    def chunk(self, last: int, *, gone: tuple[int, ...] = (), epoch: str = EPOCH) -> pb.ConsumeResponse:
        """Return the chunk up to ``last``, once there is credit for it."""
        body = pb.ConsumeChunk(after_position=self.position, position=last, model=MODEL, epoch=epoch, job_ids=["job"])
        for position in range(self.position + 1, last + 1):
            if position not in gone:
                body.rows.MergeFrom(rows(position, position))
        body.tombstones.extend(pb.ConsumeTombstone(row_id=row_id(p), position=p) for p in gone)
        self._count(body)
        self.position = last
        response = pb.ConsumeResponse(chunk=body)
        self._spend(response.ByteSize())
        return response

    def end(self, *, checksum: int | None = None) -> pb.ConsumeResponse:
        """Return the end of the log."""
        value = int.from_bytes(self.checksum.digest(), "big") if checksum is None else checksum
        totals = {"rows": self.rows, "tombstones": self.tombstones, "chunks": self.chunks, "checksum": value}
        return pb.ConsumeResponse(end_of_log=pb.ConsumeEndOfLog(position=self.position, **totals))

    def _count(self, body: pb.ConsumeChunk) -> None:
        self.chunks += 1
        self.rows += len(body.rows.row_ids)
        self.tombstones += len(body.tombstones)
        pairs = list(zip(body.rows.row_ids, body.rows.positions, strict=True))
        for identifier, position in pairs + [(gone.row_id, gone.position) for gone in body.tombstones]:
            self.checksum.update(uuid.UUID(identifier).bytes + position.to_bytes(8, "big"))

    def _spend(self, size: int) -> None:
        self.bytes += size
        seen = self.seen
        seen.wait(
            lambda: seen.granted_chunks >= self.chunks and seen.granted_bytes >= self.bytes,
            "the client grants no more credit",
        )


Script = Callable[[Delivery, grpc.ServicerContext], Iterator[pb.ConsumeResponse]]
Plain = Callable[[pb.StreamEmbeddingRequest, grpc.ServicerContext], Iterator[pb.RowChunk]]


class FakeGateway(EmbeddingStreamServiceServicer):
    """Serves one script a call, the last one again and again; both kinds of streams."""

    def __init__(self) -> None:
        self.plain: Plain | None = None
        self.scripts: list[Script] = []
        self.calls: list[Seen] = []
        self.epoch = EPOCH
        self.heartbeat_s = 10
        self.new_at: set[int] = set()  # the calls that find no subscription
        self.address = ""
        self._server = grpc.server(ThreadPoolExecutor(8))

    def start(self, credentials: grpc.ServerCredentials | None = None) -> None:
        """Listen on a free port, with TLS where there are credentials."""
        add_EmbeddingStreamServiceServicer_to_server(self, self._server)
        anywhere = "127.0.0.1:0"
        if credentials is None:
            port = self._server.add_insecure_port(anywhere)
        else:
            port = self._server.add_secure_port(anywhere, credentials)
        self.address = f"127.0.0.1:{port}"
        self._server.start()

    def stop(self) -> None:
        """End at once."""
        self._server.stop(None).wait()

    def StreamEmbedding(self, request: pb.StreamEmbeddingRequest, context: grpc.ServicerContext) -> Any:
        """Serve a plain stream."""
        assert self.plain is not None
        yield from self.plain(request, context)

    def Consume(self, request_iterator: Iterator[pb.ConsumeRequest], context: grpc.ServicerContext) -> Any:
        """Serve an acknowledged stream."""
        opening = next(request_iterator).open
        seen = Seen(opening, granted_chunks=opening.credit.chunks, granted_bytes=opening.credit.bytes)
        script = self.scripts[min(len(self.calls), len(self.scripts) - 1)]
        self.calls.append(seen)
        threading.Thread(target=seen.take, args=(request_iterator,), daemon=True).start()
        after = opening.after_position
        yield pb.ConsumeResponse(
            opened=pb.ConsumeOpened(
                position=after,
                head=1000,
                epoch=self.epoch,
                model=MODEL,
                heartbeat_s=self.heartbeat_s,
                created=len(self.calls) in self.new_at,
            )
        )
        yield from script(Delivery(seen, after), context)
        seen.gone.wait(30)
