"""`Consume` on a domain that has no log yet: an empty stream until the first row is written."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import NoReturn

import grpc.aio

from pc_worker.errors import InvalidRequest, PcWorkerError, Unavailable
from pc_worker.gateway.calls.consume.first_completed import any_set, first_of
from pc_worker.gateway.calls.consume.frames import parse_request
from pc_worker.gateway.calls.consume.opening import ConsumeLimits
from pc_worker.gateway.context import GatewayContext
from pc_worker.gateway.log.retry import retry_until
from pc_worker.store.log.read import LogHead
from pc_worker.wire.generated import embedding_stream_pb2 as pb


class EmptyStream:
    """The stream of a consumer whose domain has no log. It ends once there is one; the client opens it again.

    ``create`` creates the subscription: it starts before the first row, also if it asked for rows from "now" on.
    """

    def __init__(
        self,
        gateway: GatewayContext,
        context: grpc.aio.ServicerContext,
        limits: ConsumeLimits,
        domain: str,
        *,
        create: Callable[[], Awaitable[None]],
    ) -> None:
        self._gateway, self._context, self._limits, self._domain = gateway, context, limits, domain
        self._create = create

    async def run(self) -> None:
        """Serve until the consumer half-closes.

        Raises:
            Unavailable: If the domain has a log now, the gateway stops, or the database stays unavailable.
            InvalidRequest: If the consumer sends a message that is not allowed here.
        """
        limits = self._limits
        opened = pb.ConsumeOpened(
            chunk_rows=limits.max_rows,
            frame_bytes=limits.max_bytes,
            heartbeat_s=limits.heartbeat_s,
            ack_deadline_s=limits.ack_deadline_s,
        )
        await self._write(pb.ConsumeResponse(opened=opened))
        await self._write(pb.ConsumeResponse(end_of_log=pb.ConsumeEndOfLog()))
        await first_of(self._receive(), self._follow())
        self._context.set_trailing_metadata((("pcw-rows", "0"), ("pcw-acked-position", "0"), ("pcw-head", "0")))

    async def _receive(self) -> None:
        while (request := parse_request(await self._context.read())) is not None:
            if request.HasField("open"):
                raise InvalidRequest("after `open` only credit and acknowledgements may come")
            if request.ack.position:
                raise InvalidRequest(f"position {request.ack.position} cannot be acknowledged: nothing was sent")
            if request.HasField("nack"):
                raise InvalidRequest(f"position {request.nack.position} cannot be nacked: nothing was sent")

    async def _follow(self) -> NoReturn:
        # Only this coroutine writes after the start: gRPC allows one write of a call at a time.
        ending = self._gateway.shutdown.requested
        with self._gateway.watch.growth(self._domain) as grown:
            while True:
                grown.clear()  # before the head is read: a row that is committed during that notifies once
                if await self._read_head() is not None:
                    break
                await any_set(grown, ending, timeout_s=self._limits.heartbeat_s)
                if ending.is_set():
                    await self._close("the gateway is stopping: open the stream again")
                await self._write(pb.ConsumeResponse(heartbeat=pb.ConsumeHeartbeat()))
        with suppress(PcWorkerError):  # the client hears of it when it opens the stream again
            await self._create()
        await self._close(f"the log of {self._domain} has begun: open the stream again")

    async def _read_head(self) -> LogHead | None:
        delivery, retry_for_s = self._gateway.delivery, self._gateway.config.retry_for_s
        reading = asyncio.ensure_future(
            retry_until(lambda: delivery.head(self._domain), retry_for_s=retry_for_s, what="consumer")
        )
        try:
            while not (await asyncio.wait([reading], timeout=self._limits.heartbeat_s))[0]:
                await self._write(pb.ConsumeResponse(heartbeat=pb.ConsumeHeartbeat()))
            return reading.result()
        finally:
            reading.cancel()

    async def _close(self, why: str) -> NoReturn:
        await self._write(pb.ConsumeResponse(closing=pb.ConsumeClosing()))
        raise Unavailable(why)

    async def _write(self, message: pb.ConsumeResponse) -> None:
        await self._context.write(message.SerializeToString())
