"""One consumer's stream: catch-up, then new rows; credit and acknowledgements; checkpoints and heartbeats."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from typing import Any, NoReturn

import grpc.aio

from pc_worker.errors import BeyondHead, Fenced, InvalidRequest, SubscriptionDropped, Unavailable
from pc_worker.gateway import metrics
from pc_worker.gateway.calls.consume.credit import CreditWindow
from pc_worker.gateway.calls.consume.credit_watch import guard_deadline, measure_credit
from pc_worker.gateway.calls.consume.first_completed import any_set, first_of
from pc_worker.gateway.calls.consume.frames import Frame, extend_checksum, parse_request
from pc_worker.gateway.calls.consume.nacking import NackLedger
from pc_worker.gateway.calls.consume.opening import ConsumeLimits, opened_message
from pc_worker.gateway.calls.consume.upcoming import ConsumeProgress, Upcoming
from pc_worker.gateway.calls.consume.writing import ConsumeWriter
from pc_worker.gateway.context import GatewayContext
from pc_worker.gateway.log.delivery import dropping_read_ahead
from pc_worker.gateway.log.retry import retry_until
from pc_worker.store.log.nacks import NackAnswers
from pc_worker.store.log.read import LogHead
from pc_worker.store.log.subscription_groups import LEASE_S
from pc_worker.store.log.subscription_leases import SubscriptionLease
from pc_worker.store.log.subset import SubsetQuery
from pc_worker.wire.generated import embedding_stream_pb2 as pb

RENEW_S = LEASE_S / 3
#: Acknowledgements that arrive faster are stored together.
SAVE_EVERY_S = 0.05
#: At first a lost connection looks like half-closing; gRPC cancels the call at most this long after, unless it is idle.
LOST_S = 0.25


class ConsumeSession:
    """Sends rows, receives requests and stores checkpoints concurrently; the first of these to end ends the stream."""

    def __init__(
        self,
        gateway: GatewayContext,
        context: grpc.aio.ServicerContext,
        limits: ConsumeLimits,
        lease: SubscriptionLease,
        subset: SubsetQuery | None = None,
    ) -> None:
        self._gateway, self._context, self._limits, self._lease = gateway, context, limits, lease
        self._subset = subset
        self._window = CreditWindow(lease.position)
        self._writer = ConsumeWriter(context)
        self.nacks = NackLedger(gateway, lease, limits.redelivery, self._window, self._writer.write, subset)
        self._sent = pb.ConsumeEndOfLog()
        self._head = lease.position
        self._saved = lease.position
        self._unsaved_rows = 0
        self._half_closed = False
        self._is_waiting = False
        self._credited = asyncio.Event()
        self._acked = asyncio.Event()
        self._grown = asyncio.Event()

    async def run(self, end: LogHead, credit: pb.ConsumeCredit) -> None:
        """Serve until the consumer half-closes.

        Raises:
            Unavailable: If the database stays unavailable, or the gateway stops.
            Fenced: If another consumer holds the lease now.
            DeadlineExceeded: If nothing was acknowledged within the deadline.
            BeyondHead: If the log was restored to a state before the consumer's position.
            InvalidRequest: If the consumer sends a message that is not allowed here.
        """
        self._window.grant(credit.chunks, credit.bytes)
        watch, lease = self._gateway.watch, self._lease
        with watch.growth(lease.domain) as self._grown, watch.fence(lease.domain, lease.name) as fenced:
            serving = self._send(end), self._receive(), self._renew(fenced), self._beat(), self._stop()
            deadline = guard_deadline(self._window, self._limits.ack_deadline_s)
            await first_of(*serving, deadline, measure_credit(self._window, lease.domain))
        await self._save_with_retries()

    async def save_checkpoint(self) -> None:
        """Store what was acknowledged, and renew the lease.

        Raises:
            Fenced: If another consumer holds the lease now.
            Unavailable: If the database is unavailable.
        """
        await self._save(self._window.acked, self.nacks.answers())

    async def save_without_nacks(self) -> None:
        """Store what was acknowledged before the first nack, as the nacks are refused; raise as `save_checkpoint`."""
        await self._save(*self.nacks.without_nacks(acked=self._window.acked, saved=self._saved))

    async def _save(self, position: int, answers: NackAnswers | None) -> None:
        rows = self._unsaved_rows if position == self._window.acked else 0  # else they are sent and counted again
        await self._gateway.subscriptions.renew(self._lease, position=position, rows=rows, answers=answers)
        self._saved, self._unsaved_rows = position, self._unsaved_rows - rows
        if answers is not None:
            self.nacks.saved(answers)
            self._tell_sender()

    def trailers(self) -> tuple[tuple[str, str], ...]:
        """Return the trailing metadata of a stream that ended with OK."""
        return (
            ("pcw-rows", str(self._sent.rows)),
            ("pcw-acked-position", str(self._saved)),
            ("pcw-head", str(self._head)),
        )

    @property
    def unacknowledged(self) -> int | None:
        """How far was sent, if not all of it is acknowledged."""
        return self._window.position if self._window.position > self._window.acked else None

    def summary(self) -> dict[str, Any]:
        """Return what was sent and acknowledged, for the log."""
        return {"rows": self._sent.rows, "sent_position": self._window.position, "acked_position": self._saved}

    async def _send(self, end: LogHead) -> None:
        await self._writer.say(opened=opened_message(end, self._limits, self._lease))
        at_end = False
        while not self._half_closed:
            self._grown.clear()
            await self.nacks.send()
            await self._read_head()
            if self._head > self._window.position:
                await self._catch_up()
                at_end = False
            if not at_end and not self._half_closed:
                await self._write_end_of_log()
                at_end = True
            await self._wait_for(self._grown)

    async def _catch_up(self) -> None:
        after, subset = self._window.position, self._subset
        upcoming = Upcoming(self._gateway, self._lease, self._limits, after=after, head=self._head, subset=subset)
        async with aclosing(upcoming.messages()) as messages:
            async for frame in messages:
                if isinstance(frame, ConsumeProgress):
                    await self._write_progress(frame)
                    await self.nacks.send()  # a consumer of few rows waits for its answers, too
                    if self._half_closed:
                        return
                    continue
                with dropping_read_ahead(upcoming.reader):
                    await self._wait_for_credit(len(frame.message))
                    if self._half_closed:
                        return
                    await self._write_frame(frame)

    async def _write_progress(self, progress: ConsumeProgress) -> None:
        self._window.skip(progress.position)
        await self._writer.say(progress=pb.ConsumeProgress(after_position=progress.after, position=progress.position))
        if self._gateway.shutdown.requested.is_set():
            await self._write_closing()

    async def _write_frame(self, frame: Frame) -> None:
        size = len(frame.message)
        # Counted before the write: the acknowledgement may arrive before the write returns.
        self._window.send(size, position=frame.position, rows=frame.rows, now=time.monotonic())
        self._sent.rows += frame.rows
        self._sent.tombstones += frame.tombstones
        self._sent.chunks += 1
        self._sent.checksum = extend_checksum(self._sent.checksum, frame)
        await self._writer.write(frame.message)
        metrics.ROWS.labels(self._lease.domain, "queue" if frame.queued else "log").inc(frame.rows)
        metrics.BYTES.labels(self._lease.domain).inc(size)

    async def _write_end_of_log(self) -> None:
        # The end of the log may be far after the last row of a subset.
        (self._window.announce if self._subset is None else self._window.skip)(self._head)
        self._sent.position = self._head
        await self._writer.say(end_of_log=self._sent)

    async def _wait_for_credit(self, size: int) -> None:
        began = time.monotonic()
        while not self._half_closed:
            self._credited.clear()
            await self.nacks.send()
            if self._window.allows(size) and not self._gateway.shutdown.requested.is_set():
                break
            await self._wait_for(self._credited, needed_bytes=size)
        metrics.WAITED.labels(self._lease.domain).inc(time.monotonic() - began)

    async def _wait_for(self, event: asyncio.Event, *, needed_bytes: int = 0) -> None:
        if self._half_closed:
            return
        if self._gateway.shutdown.requested.is_set():
            await self._write_closing()
        try:
            due_in_s = self.nacks.due_in_s()
            self._is_waiting = True
            async with asyncio.timeout(min(self._limits.heartbeat_s, due_in_s)):
                await event.wait()
        except TimeoutError:
            if due_in_s >= self._limits.heartbeat_s:
                await self._writer.say(heartbeat=self._heartbeat(needed_bytes))
        finally:
            self._is_waiting = False

    async def _beat(self) -> NoReturn:
        # While the sender waits for a slow database, or one that is away: the client must not take that for silence.
        heartbeat_s = self._limits.heartbeat_s
        while True:
            if not self._is_waiting and self._writer.silent_s >= heartbeat_s:
                await self._writer.say(heartbeat=self._heartbeat(0))
            await asyncio.sleep(max(heartbeat_s - self._writer.silent_s, heartbeat_s / 4))

    async def _write_closing(self) -> NoReturn:
        position = self._window.position
        await self._writer.say(closing=pb.ConsumeClosing(resume_after=position))
        raise Unavailable(f"the gateway is stopping: resume after position {position}")

    async def _receive(self) -> None:
        while (request := parse_request(await self._context.read())) is not None:
            match request.WhichOneof("request"):
                case "credit":
                    self._window.grant(request.credit.chunks, request.credit.bytes)
                    self._credited.set()
                    if self.nacks.waits_for_credit:
                        self._grown.set()
                case "ack":
                    self._unsaved_rows += self._window.ack(request.ack.position, now=time.monotonic())
                    if request.ack.redelivered:
                        self.nacks.ack(request.ack.redelivered)
                    self._acked.set()
                case "nack":
                    self.nacks.nack(request.nack)
                    self._acked.set()
                case _:
                    raise InvalidRequest("after `open` only credit, acknowledgements and nacks may come")
        if self._window.outstanding:
            await asyncio.sleep(LOST_S)  # a consumer that died must not pass for one that ended in order
        self._half_closed = True
        await self._wake_sender()

    async def _stop(self) -> None:
        await self._gateway.shutdown.requested.wait()
        await self._wake_sender()

    async def _wake_sender(self) -> NoReturn:
        # The sender ends the stream, between two messages.
        self._tell_sender()
        while True:
            await asyncio.Event().wait()

    def _tell_sender(self) -> None:
        self._credited.set()
        self._grown.set()

    async def _renew(self, fenced: asyncio.Event) -> None:
        try:
            while True:
                await any_set(self._acked, fenced, timeout_s=RENEW_S)
                self._acked.clear()
                if fenced.is_set():
                    fenced.clear()
                    self.nacks.check_again()
                    self._tell_sender()
                await self._save_with_retries()
                await asyncio.sleep(SAVE_EVERY_S)
        except SubscriptionDropped:
            raise
        except Fenced:
            metrics.FENCED.labels(self._lease.domain).inc()
            raise

    async def _save_with_retries(self) -> None:
        await retry_until(
            self.save_checkpoint, retry_for_s=self._gateway.config.retry_for_s, what=f"consumer {self._lease.name}"
        )

    async def _read_head(self) -> None:
        delivery, domain = self._gateway.delivery, self._lease.domain
        end = await retry_until(
            lambda: delivery.head(domain),
            retry_for_s=self._gateway.config.retry_for_s,
            what=f"consumer {self._lease.name}",
        )
        if end is None:
            raise Unavailable(f"domain {domain} has no log any more")
        if end.position < self._window.position:
            # The consumer has positions that this log does not have: new rows would get them, and it would skip these.
            raise BeyondHead(
                f"the log of {domain} ends at {end.position}, this consumer is at {self._window.position}: the log was"
                " restored; open with after_position"
            )
        self._head = end.position

    def _heartbeat(self, needed_bytes: int) -> pb.ConsumeHeartbeat:
        return pb.ConsumeHeartbeat(
            head=self._head,
            position=self._window.position,
            acked_position=self._window.acked,
            credit_chunks=min(self._window.chunks, 2**31 - 1),
            credit_bytes=self._window.bytes,
            needed_bytes=needed_bytes,
        )
