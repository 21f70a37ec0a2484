"""A client of the gateway that keeps the bytes it was sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import grpc
import grpc.aio

from pc_worker.wire.generated import embedding_stream_pb2 as pb
from tests.integration.gateway.logfile import Sent

SERVICE = "/com.alpha.backend.grpc.EmbeddingStreamService"


@dataclass
class Received:
    """The result of a call: raw messages, status and trailers."""

    messages: list[bytes] = field(default_factory=list)
    code: grpc.StatusCode = grpc.StatusCode.OK
    details: str = ""
    trailers: dict[str, str] = field(default_factory=dict)

    @property
    def chunks(self) -> list[Any]:
        return [pb.RowChunk.FromString(message) for message in self.messages]

    @property
    def rows(self) -> list[Sent]:
        """The rows as the log's writer remembers them, made from what arrived."""
        return [sent for message in self.messages for sent in _rows(message)]


def _rows(message: bytes) -> list[Sent]:
    chunk = pb.RowChunk.FromString(message)
    rows = getattr(chunk, chunk.WhichOneof("chunk_data")).rows
    return [
        Sent(position, row_id, row.SerializeToString())
        for row, row_id, position in zip(rows, chunk.row_ids, chunk.positions, strict=True)
    ]


def call(
    channel: grpc.aio.Channel, request: Any, *, metadata: Sequence[tuple[str, str]] = ()
) -> grpc.aio.UnaryStreamCall:
    """Start a call; its messages are bytes."""
    method = channel.unary_stream(f"{SERVICE}/StreamEmbedding")
    return method(request.SerializeToString(), metadata=tuple(metadata))


async def finish(started: grpc.aio.UnaryStreamCall) -> Received:
    """Read a call to its end, for any status."""
    received = Received()
    try:
        while (message := await started.read()) is not grpc.aio.EOF:
            received.messages.append(message)
    except grpc.aio.AioRpcError as exc:
        received.code, received.details = exc.code(), exc.details() or ""
    received.trailers = _strings(dict(await started.trailing_metadata() or ()))
    return received


def _strings(metadata: Mapping[str, Any]) -> dict[str, str]:
    return {key: str(value) for key, value in metadata.items()}


async def stream(address: str, *, metadata: Sequence[tuple[str, str]] = (), **fields: Any) -> Received:
    """Make one call and read it to its end."""
    async with grpc.aio.insecure_channel(address) as channel:
        return await finish(call(channel, pb.StreamEmbeddingRequest(**fields), metadata=metadata))
