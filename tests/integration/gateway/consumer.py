"""A consumer of the acknowledged stream, as small as one can be."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import google_crc32c
import grpc
import grpc.aio

from pc_worker.wire.generated import embedding_stream_pb2 as pb
from tests.integration.gateway.client import SERVICE, Received
from tests.integration.gateway.logfile import Sent

PLENTY = pb.ConsumeCredit(chunks=100_000, bytes=2**40)


class Consumer:
    """One call; keeps every answer in order."""

    def __init__(self, call: Any) -> None:
        self.call = call
        self.answers: list[pb.ConsumeResponse] = []

    async def say(self, **message: Any) -> None:
        await self.call.write(pb.ConsumeRequest(**message).SerializeToString())

    async def ack(self, position: int) -> None:
        await self.say(ack=pb.ConsumeAck(position=position))

    async def nack(self, position: int, reason: str = "does not fit") -> None:
        await self.say(nack=pb.ConsumeNack(position=position, reason=reason))

    async def stored(self, *positions: int, upto: int = 0) -> None:
        """Acknowledge redelivered rows."""
        await self.say(ack=pb.ConsumeAck(position=upto, redelivered=positions))

    async def hear(self) -> pb.ConsumeResponse:
        """Return the next answer; raises AioRpcError when the call has ended with an error, EOFError when well."""
        raw = await self.call.read()
        if raw is grpc.aio.EOF:
            raise EOFError
        self.answers.append(pb.ConsumeResponse.FromString(raw))
        return self.answers[-1]

    async def until(self, kind: str) -> Any:
        """Read until an answer of this kind arrives, and return it."""
        while (answer := await self.hear()).WhichOneof("response") != kind:
            pass
        return getattr(answer, kind)

    async def ended(self) -> grpc.StatusCode:
        """Read until the call has ended, and return its status."""
        try:
            while True:
                await self.hear()
        except grpc.aio.AioRpcError as exc:
            return exc.code()
        except EOFError:
            return grpc.StatusCode.OK

    async def error(self) -> str:
        """Return the code of the error that ended the call."""
        return {key: str(value) for key, value in (await self.call.trailing_metadata() or ())}["pcw-error"]

    async def close(self) -> dict[str, str]:
        """Half-close, and return the trailers of the OK."""
        await self.call.done_writing()
        assert await self.ended() == grpc.StatusCode.OK
        return {key: str(value) for key, value in (await self.call.trailing_metadata() or ())}

    @property
    def chunks(self) -> list[pb.ConsumeChunk]:
        return [answer.chunk for answer in self.answers if answer.HasField("chunk")]

    @property
    def rows(self) -> list[Sent]:
        return Received([chunk.rows.SerializeToString() for chunk in self.chunks if chunk.HasField("rows")]).rows

    @property
    def checksum(self) -> int:
        """The crc32c that the end of log must report, from what arrived."""
        checksum = 0
        for chunk in self.chunks:
            entries = [*zip(chunk.rows.row_ids, chunk.rows.positions, strict=True)]
            entries += [(dead.row_id, dead.position) for dead in chunk.tombstones]
            for row_id, position in entries:
                checksum = google_crc32c.extend(checksum, UUID(row_id).bytes + position.to_bytes(8, "big"))
        return int(checksum)


@asynccontextmanager
async def consuming(
    address: str, domain: str = "law", *, metadata: Sequence[tuple[str, str]] = (), **opening: Any
) -> AsyncIterator[Consumer]:
    """Open a subscription, by default `s` with plenty of credit."""
    async with grpc.aio.insecure_channel(address) as channel:
        call = channel.stream_stream(f"{SERVICE}/Consume")(metadata=tuple(metadata))
        consumer = Consumer(call)
        values: dict[str, Any] = {"domain": domain, "subscription": "s", "credit": PLENTY} | opening
        await consumer.say(open=pb.ConsumeOpen(**values))
        try:
            yield consumer
        finally:
            call.cancel()
