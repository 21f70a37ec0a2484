"""Rows that a consumer nacked: its answers until they are stored, and the next delivery of each."""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from pc_worker.errors import InvalidRequest
from pc_worker.gateway import metrics
from pc_worker.gateway.calls.consume.credit import CreditWindow
from pc_worker.gateway.calls.consume.frames import redelivery
from pc_worker.gateway.context import GatewayContext
from pc_worker.gateway.log.delivery import row_block
from pc_worker.gateway.log.retry import retry_until
from pc_worker.invisible_characters import UNSEEN
from pc_worker.store.log.nacks import MAX_REASON, DueRow, Nack, NackAnswers, NackedRows, RedeliveryRules
from pc_worker.store.log.read import LoggedRows
from pc_worker.store.log.subscription_leases import SubscriptionLease
from pc_worker.store.log.subset import SubsetQuery
from pc_worker.wire import MESSAGE_BYTES, row_type_of
from pc_worker.wire.generated import embedding_stream_pb2 as pb

T = TypeVar("T")
#: Answers that wait to be stored; they are stored within a fraction of a second.
MAX_WAITING = 10_000
#: Seconds after which rows are looked for again when one changed just before it was sent.
CHECK_AGAIN_S = 0.2
_UNSEEN_RUN = re.compile(f"{UNSEEN.pattern}+")


@dataclass(frozen=True, slots=True)
class ReadyRow:
    """A nacked row with its message, which waits for credit."""

    due: DueRow
    message: bytes


class NackLedger:
    """The nacks and redeliveries of one call.

    Args:
        gateway: The shared dependencies.
        lease: The consumer's.
        rules: When a row is delivered again; without any delivery, the client does not know about nacks.
        window: The call's credit.
        write: Sends a serialised message; only `send` calls it.
        subset: The consumer's part of the log; None = all of it.
    """

    def __init__(
        self,
        gateway: GatewayContext,
        lease: SubscriptionLease,
        rules: RedeliveryRules,
        window: CreditWindow,
        write: Callable[[bytes], Awaitable[None]],
        subset: SubsetQuery | None = None,
    ) -> None:
        self._gateway, self._lease, self._rules, self._window, self._write = gateway, lease, rules, window, write
        self._subset = subset
        self._rows = NackedRows(gateway.delivery, lease.domain, lease.name, subset)
        self._nacks: dict[int, str] = {}
        self._stored: set[int] = set()
        self._in_flight: set[int] = set()
        self._confirmed: list[int] = []
        self._ready: ReadyRow | None = None
        self._due_at = float("inf")
        self._checks = 0
        self.check_again()

    @property
    def waits_for_credit(self) -> bool:
        """Whether a row is due that the credit does not cover."""
        return self._ready is not None

    def due_in_s(self) -> float:
        """Return the seconds until a row may be due; infinite while none is, or one waits for credit."""
        return float("inf") if self.waits_for_credit else max(0.0, self._due_at - time.monotonic())

    def check_again(self) -> None:
        """Note that a row may be due at once: an operator may have retried it."""
        if self._rules.max_deliveries:
            self._checks += 1
            self._due_at = 0.0

    def nack(self, message: pb.ConsumeNack) -> None:
        """Take a nack.

        Raises:
            InvalidRequest: If the client did not announce nacks, or it is not valid.
        """
        if not self._rules.max_deliveries:
            raise InvalidRequest("a nack is only allowed with `nacks` in `open`")
        if not 1 <= message.position <= self._window.position:
            raise InvalidRequest(
                f"position {message.position} cannot be nacked: only up to {self._window.position} was sent"
            )
        self._nacks[message.position] = checked_reason(message.reason)
        self._window.answer([message.position], now=time.monotonic())
        self._check_waiting()

    def ack(self, positions: Sequence[int]) -> None:
        """Take the positions of redelivered rows that are stored now.

        Raises:
            InvalidRequest: If the client did not announce nacks, or sends too many.
        """
        if not self._rules.max_deliveries:
            raise InvalidRequest("`redelivered` is only allowed with `nacks` in `open`")
        self._stored.update(positions)
        self._window.answer(positions, now=time.monotonic())
        self._check_waiting()

    def answers(self) -> NackAnswers | None:
        """Return what is to be stored; None if nothing is."""
        if not (self._nacks or self._stored):
            return None
        deliveries = self._lease.deliveries
        nacks = [Nack(position, reason, deliveries(position)) for position, reason in self._nacks.items()]
        return NackAnswers(nacks, sorted(self._stored), self._rules, self._subset)

    def without_nacks(self, *, acked: int, saved: int) -> tuple[int, NackAnswers | None]:
        """Return what can be stored without the nacks: the position before the first of them, and the stored rows.

        A nacked row up to the position ``saved`` is stored as such already.
        """
        first = min((position for position in self._nacks if position > saved), default=acked + 1)
        stored = sorted(self._stored - self._nacks.keys())
        answers = NackAnswers([], stored, self._rules, self._subset) if stored else None
        return max(saved, min(acked, first - 1)), answers

    def saved(self, answers: NackAnswers) -> None:
        """Record that these are stored; nacks are confirmed with the next `send`."""
        for nack in answers.nacks:
            if self._nacks.get(nack.position) == nack.reason:
                del self._nacks[nack.position]
        self._stored.difference_update(answers.stored)
        settled = [nack.position for nack in answers.nacks]
        self._in_flight.difference_update(settled, answers.stored)
        self._confirmed += settled
        self.check_again()
        metrics.NACKED.labels(self._lease.domain).inc(len(settled))

    async def send(self) -> None:
        """Confirm stored nacks, and send the rows that are due as far as the credit covers them.

        Raises:
            Unavailable: If the database stays unavailable.
        """
        if self._confirmed:
            confirmed, self._confirmed = self._confirmed, []
            await self._write(pb.ConsumeResponse(nacked=pb.ConsumeNacked(positions=confirmed)).SerializeToString())
        while self._ready is not None or time.monotonic() >= self._due_at:
            if self._ready is None:
                self._ready = await self._next_ready()
            elif self._window.allows(len(self._ready.message)):
                ready, self._ready = self._ready, None
                await self._send_row(ready)
            else:
                return

    async def leave(self) -> None:
        """Do not count deliveries that the consumer did not answer before it, or the gateway, ended the call in order.

        Raises:
            Unavailable: If the database is unavailable.
        """
        if self._in_flight:
            await self._rows.return_unread(self._in_flight, generation=self._lease.generation)

    async def _next_ready(self) -> ReadyRow | None:
        """Return the next row that is due now; None if none is, or this one is not to be sent."""
        exclude, checks = self._in_flight | self._stored | self._nacks.keys(), self._checks
        due = await self._repeat(lambda: self._rows.next_due(exclude=exclude))
        if self._checks == checks:  # else an answer was stored meanwhile, which the result may not have: ask again
            self._due_at = float("inf") if due is None else time.monotonic() + max(due.due_in_s, 0.0)
        if due is None or due.due_in_s > 0:
            return None
        if due.deliveries >= self._rules.max_deliveries:
            await self._repeat(lambda: self._rows.give_up(due.position))
            return None
        found = await self._repeat(lambda: self._rows.read(due.position, MESSAGE_BYTES))
        if found is None or not found.passages:
            await self._repeat(lambda: self._rows.remove(due.position))
            return None
        return ReadyRow(due, self._message(found, due.deliveries + 1))

    def _message(self, found: LoggedRows, deliveries: int) -> bytes:
        domain = self._lease.domain
        block = row_block(found, domain=domain, row_type=row_type_of(domain))
        return redelivery(block, deliveries=deliveries, model=found.model, epoch=str(found.epoch))

    async def _send_row(self, ready: ReadyRow) -> None:
        rules, generation = self._rules, self._lease.generation
        if not await self._repeat(lambda: self._rows.take_delivery(ready.due, generation=generation, rules=rules)):
            self._due_at = time.monotonic() + CHECK_AGAIN_S
            return
        self._in_flight.add(ready.due.position)
        self._window.resend(len(ready.message), position=ready.due.position, now=time.monotonic())
        await self._write(ready.message)
        metrics.REDELIVERED.labels(self._lease.domain).inc()
        metrics.BYTES.labels(self._lease.domain).inc(len(ready.message))

    async def _repeat(self, call: Callable[[], Awaitable[T]]) -> T:
        return await retry_until(
            call, retry_for_s=self._gateway.config.retry_for_s, what=f"consumer {self._lease.name}"
        )

    def _check_waiting(self) -> None:
        if len(self._nacks) + len(self._stored) > MAX_WAITING:
            raise InvalidRequest(f"more than {MAX_WAITING:,} answers wait to be stored: send fewer at once")


def checked_reason(reason: str) -> str:
    """Return a reason on one line without control characters.

    Raises:
        InvalidRequest: If nothing is left of it, or it is too long.
    """
    printable = _UNSEEN_RUN.sub(" ", reason).strip()
    if not 1 <= len(printable) <= MAX_REASON:
        raise InvalidRequest(f"the reason of a nack has {len(printable)} characters: 1 to {MAX_REASON} are allowed")
    return printable
