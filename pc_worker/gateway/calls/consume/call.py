"""`Consume`, the acknowledged stream: its start and its end."""

from __future__ import annotations

import re
from contextlib import suppress

import grpc.aio
import structlog

from pc_worker.errors import BeyondHead, InvalidRequest, PcWorkerError
from pc_worker.gateway import metrics
from pc_worker.gateway.calls.checks import checked_position, chunk_rows
from pc_worker.gateway.calls.consume.empty_stream import EmptyStream
from pc_worker.gateway.calls.consume.frames import parse_request
from pc_worker.gateway.calls.consume.session import ConsumeLimits, ConsumeSession
from pc_worker.gateway.context import GatewayContext
from pc_worker.gateway.limits.admission import AdmittedCall
from pc_worker.store.log.read import LogHead
from pc_worker.store.log.subscription_leases import SubscriptionLease
from pc_worker.wire import MESSAGE_BYTES
from pc_worker.wire.generated import embedding_stream_pb2 as pb

log = structlog.get_logger()

NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")
LEAST_FRAME_BYTES, DEFAULT_FRAME_BYTES = 65_536, 1_000_000
MOST_HEARTBEAT_S, DEFAULT_HEARTBEAT_S = 60, 10
MOST_DEADLINE_S, DEFAULT_DEADLINE_S = 3600, 60


class ConsumeCall:
    """The handler of `Consume`; it reads and writes serialised messages."""

    def __init__(self, gateway: GatewayContext) -> None:
        self._gateway = gateway

    async def serve(self, call: AdmittedCall) -> None:
        """Serve one call.

        Raises:
            PcWorkerError: `call_edge` turns it into a status.
        """
        opening = parse_request(call.first)
        if opening is None or not opening.HasField("open"):
            raise InvalidRequest("the first message of Consume must be `open`")
        call.grant.check(opening.open.domain)
        limits, end = _limits(opening.open), await self._gateway.head(opening.open.domain)
        with metrics.stream_open(opening.open.domain, "Consume"):
            await self._serve(opening.open, limits, end, call.context)

    async def _serve(
        self, opening: pb.ConsumeOpen, limits: ConsumeLimits, end: LogHead | None, context: grpc.aio.ServicerContext
    ) -> None:
        if end is None:
            await self._start(opening, 0)
            await EmptyStream(self._gateway, context, limits, opening.domain).run()
            return
        lease = await self._acquire(opening, end, context.peer())
        session = ConsumeSession(self._gateway, context, limits, lease)
        ended = "cut"
        try:
            await session.run(end, opening.credit)
            ended = "complete"
        finally:
            await self._leave(session, lease, ended)
        context.set_trailing_metadata(session.trailers())

    async def _acquire(self, opening: pb.ConsumeOpen, end: LogHead, holder: str) -> SubscriptionLease:
        after = await self._start(opening, end.position)
        name, only_free = opening.subscription, opening.refuse_if_held
        lease = await self._gateway.subscriptions.acquire(
            opening.domain, name, after=after, only_free=only_free, holder=holder
        )
        if lease.position > end.position:
            raise BeyondHead(
                f"subscription {name} stands at {lease.position}, beyond the log's head, {end.position}: the log was"
                " restored; open with after_position"
            )
        return lease

    async def _start(self, opening: pb.ConsumeOpen, head: int) -> int | None:
        match opening.WhichOneof("start"):
            case "after_position":
                return checked_position(opening.after_position, head)
            case "after_uuid":
                return await self._gateway.resolve(opening.domain, opening.after_uuid)
            case _:
                return None

    async def _leave(self, session: ConsumeSession, lease: SubscriptionLease, ended: str) -> None:
        # Also if the client has disconnected: its acknowledgements count, and the lease is free at once.
        with suppress(PcWorkerError):
            await session.save_checkpoint()
            await self._gateway.subscriptions.release(lease)
        metrics.ENDED.labels(lease.domain, ended).inc()
        log.info("consumer_ended", domain=lease.domain, subscription=lease.name, outcome=ended, **session.summary())


def _limits(opening: pb.ConsumeOpen) -> ConsumeLimits:
    if not NAME.fullmatch(opening.subscription):
        raise InvalidRequest(f"{opening.subscription[:80]!r} is no subscription's name: 1 to 100 of A-Z a-z 0-9 . _ -")
    frame_bytes = _within("frame_bytes", opening.frame_bytes, LEAST_FRAME_BYTES, 4 * 1024 * 1024) or DEFAULT_FRAME_BYTES
    return ConsumeLimits(
        max_rows=chunk_rows(opening.chunk_rows),
        # A frame larger than the first credit would wait forever.
        max_bytes=min(frame_bytes, MESSAGE_BYTES, max(opening.credit.bytes or MESSAGE_BYTES, LEAST_FRAME_BYTES)),
        heartbeat_s=_within("heartbeat_s", opening.heartbeat_s, 1, MOST_HEARTBEAT_S) or DEFAULT_HEARTBEAT_S,
        ack_deadline_s=_within("ack_deadline_s", opening.ack_deadline_s, 1, MOST_DEADLINE_S) or DEFAULT_DEADLINE_S,
    )


def _within(name: str, value: int, least: int, most: int) -> int:
    if value and not least <= value <= most:
        raise InvalidRequest(f"{name} {value} is not within {least} to {most}")
    return value
