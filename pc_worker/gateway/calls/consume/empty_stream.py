"""`Consume` on a domain whose log is not open yet: an empty stream, until the log opens."""

from __future__ import annotations

from typing import NoReturn

import grpc.aio

from pc_worker.errors import InvalidRequest, Unavailable
from pc_worker.gateway.calls.consume.first_completed import any_set, first_of
from pc_worker.gateway.calls.consume.frames import parse_request
from pc_worker.gateway.calls.consume.session import ConsumeLimits
from pc_worker.gateway.context import GatewayContext
from pc_worker.gateway.log.retry import healed
from pc_worker.wire.generated import embedding_stream_pb2 as pb


class EmptyStream:
    """Says that there is nothing, and sends the consumer back in as soon as there may be something."""

    def __init__(
        self, gateway: GatewayContext, context: grpc.aio.ServicerContext, limits: ConsumeLimits, domain: str
    ) -> None:
        self._gateway, self._context, self._limits, self._domain = gateway, context, limits, domain

    async def run(self) -> None:
        """Serve until the consumer half-closes.

        Raises:
            Unavailable: If the log has opened: a subscription can be held now. Or if the gateway stops, or the database
                stays away.
            InvalidRequest: If the consumer says something out of place.
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

    async def _follow(self) -> NoReturn:
        # All that is said after the start is said here: gRPC takes one message of a call at a time.
        delivery, ending, retry_for_s = (
            self._gateway.delivery,
            self._gateway.shutdown.requested,
            self._gateway.config.retry_for_s,
        )
        with self._gateway.watch.growth(self._domain) as grown:
            while await healed(lambda: delivery.head(self._domain), retry_for_s=retry_for_s, what="consumer") is None:
                grown.clear()
                await any_set(grown, ending, timeout_s=self._limits.heartbeat_s)
                if ending.is_set():
                    await self._close("the gateway is stopping: come again")
                await self._write(pb.ConsumeResponse(heartbeat=pb.ConsumeHeartbeat()))
        await self._close(f"the log of {self._domain} has opened: come again")

    async def _close(self, why: str) -> NoReturn:
        await self._write(pb.ConsumeResponse(closing=pb.ConsumeClosing()))
        raise Unavailable(why)

    async def _write(self, message: pb.ConsumeResponse) -> None:
        await self._context.write(message.SerializeToString())
