"""`Consume`, the acknowledged stream: its start and its end."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial

import grpc.aio
import structlog

from pc_worker.errors import BeyondHead, InvalidRequest, PcWorkerError, QuotaExceeded, Unavailable
from pc_worker.gateway import metrics
from pc_worker.gateway.calls.consume.empty_stream import EmptyStream
from pc_worker.gateway.calls.consume.frames import parse_request
from pc_worker.gateway.calls.consume.open_request import Asked, check_fields, consumer_request, read_asked, read_subset
from pc_worker.gateway.calls.consume.opening import ConsumeLimits, consume_limits
from pc_worker.gateway.calls.consume.session import ConsumeSession
from pc_worker.gateway.context import GatewayContext
from pc_worker.gateway.limits.admission import AdmittedCall
from pc_worker.store.log.read import LogHead
from pc_worker.store.log.subscription_groups import ConsumerRequest
from pc_worker.store.log.subscription_leases import SubscriptionLease
from pc_worker.wire.generated import embedding_stream_pb2 as pb

log = structlog.get_logger()


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
        limits = consume_limits(opening.open, max_deliveries=self._gateway.config.max_deliveries)
        asked = read_asked(opening.open)
        end = await self._gateway.head(opening.open.domain)
        with metrics.stream_open(opening.open.domain, "Consume"):
            await self._serve(opening.open, asked, limits, end, call.context)

    async def _serve(
        self,
        opening: pb.ConsumeOpen,
        asked: Asked,
        limits: ConsumeLimits,
        end: LogHead | None,
        context: grpc.aio.ServicerContext,
    ) -> None:
        wanted = await consumer_request(self._gateway, opening, asked, end.position if end else 0)
        if end is None:
            create = partial(self._create, wanted, asked, context.peer())
            await EmptyStream(self._gateway, context, limits, opening.domain, create=create).run()
            return
        await check_fields(self._gateway, wanted, asked)
        lease = await self._acquire(wanted, only_free=opening.refuse_if_held, holder=context.peer())
        try:
            end = await self._checked_end(lease, end)
            subset = await read_subset(self._gateway, wanted, asked, filter_from=lease.filter_from)
        except BaseException:
            await asyncio.shield(self._release(lease))
            raise
        session = ConsumeSession(self._gateway, context, limits, lease, subset)
        ended, in_order = "cut", True
        try:
            # Alone: gRPC cannot send the status of a call whose first write was cancelled before it ended.
            await context.send_initial_metadata(())
            await session.run(end, opening.credit)
            ended = "complete"
        except Unavailable:
            raise  # the gateway or the database, not the consumer, ends the call
        except BaseException:
            in_order = False
            raise
        finally:
            # Shielded: a client that disconnects now must not keep its lease.
            await asyncio.shield(self._leave(session, lease, ended, in_order=in_order))
        context.set_trailing_metadata(session.trailers())

    async def _checked_end(self, lease: SubscriptionLease, end: LogHead) -> LogHead:
        """Return the end of a log that reaches the subscription's position.

        Raises:
            BeyondHead: If the log ends before it.
            Unavailable: If the database is unavailable.
        """
        if lease.position <= end.position:
            return end
        # The consumer of before may have acknowledged rows that were committed after the end was read.
        now = await self._gateway.delivery.head(lease.domain)
        if now is not None and lease.position <= now.position:
            return now
        raise BeyondHead(
            f"subscription {lease.name} stands at {lease.position}, beyond the log's head,"
            f" {now.position if now else 0}: the log was restored; open with after_position"
        )

    async def _acquire(self, wanted: ConsumerRequest, *, only_free: bool, holder: str) -> SubscriptionLease:
        work = self._gateway.subscriptions.acquire(wanted, only_free=only_free, holder=holder)
        acquiring = asyncio.create_task(work)
        try:
            return await asyncio.shield(acquiring)
        except asyncio.CancelledError:
            # Shielded: a client that disconnects during the commit would leave a lease that no call releases.
            await asyncio.shield(self._release_acquired(acquiring))
            raise

    async def _release_acquired(self, acquiring: asyncio.Task[SubscriptionLease]) -> None:
        with suppress(PcWorkerError):
            await self._release(await acquiring)

    async def _release(self, lease: SubscriptionLease) -> None:
        with suppress(PcWorkerError):  # it expires
            await self._gateway.subscriptions.release(lease)

    async def _create(self, wanted: ConsumerRequest, asked: Asked, holder: str) -> None:
        await check_fields(self._gateway, wanted, asked)
        lease = await self._acquire(wanted, only_free=True, holder=holder)
        # Shielded: a client that half-closes now must not keep its lease.
        await asyncio.shield(self._release(lease))

    async def _leave(self, session: ConsumeSession, lease: SubscriptionLease, ended: str, *, in_order: bool) -> None:
        # Also if the client has disconnected: its acknowledgements count, and the lease is free at once.
        with suppress(PcWorkerError):
            # Nacks that cannot be stored, or too many: they alone stay unanswered, and the lease is free all the same.
            try:
                await session.save_checkpoint()
            except (InvalidRequest, QuotaExceeded):
                await session.save_without_nacks()
            if in_order:
                await session.nacks.leave()
            sent = None if in_order else session.unacknowledged
            await self._gateway.subscriptions.release(lease, sent=sent)
        metrics.ENDED.labels(lease.domain, ended).inc()
        log.info("consumer_ended", domain=lease.domain, subscription=lease.name, outcome=ended, **session.summary())
