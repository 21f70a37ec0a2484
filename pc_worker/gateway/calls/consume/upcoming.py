"""What a consumer is sent next: frames, and how far the log was read where it has nothing for this consumer."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from functools import partial

from pc_worker.gateway.calls.consume.frames import Frame, frames
from pc_worker.gateway.calls.consume.opening import ConsumeLimits
from pc_worker.gateway.context import GatewayContext
from pc_worker.gateway.log.delivery import LogRange, LogReader
from pc_worker.store.log.subscription_leases import SubscriptionLease
from pc_worker.store.log.subset import SubsetQuery
from pc_worker.wire import row_type_of

#: After this many positions without rows for it, or seconds, a consumer gets the progress.
PROGRESS_POSITIONS, PROGRESS_S = 10_000, 1.0


@dataclass(frozen=True, slots=True)
class ConsumeProgress:
    """No entry after ``after`` up to ``position`` belongs to the consumer."""

    after: int
    position: int


class Upcoming:
    """The messages of one range of the log; only a subset has progress between its frames."""

    def __init__(
        self,
        gateway: GatewayContext,
        lease: SubscriptionLease,
        limits: ConsumeLimits,
        *,
        after: int,
        head: int,
        subset: SubsetQuery | None,
    ) -> None:
        self._wanted = LogRange(
            domain=lease.domain,
            row_type=row_type_of(lease.domain),
            after=after,
            head=head,
            max_rows=limits.max_rows,
            consumer=True,
            subset=subset,
        )
        self.reader = LogReader(gateway.delivery, gateway.queue, self._wanted, retry_for_s=gateway.config.retry_for_s)
        self._max_bytes, self._marks = limits.max_bytes, lease.marks
        self._after, self._told_at = after, time.monotonic()

    async def messages(self) -> AsyncGenerator[Frame | ConsumeProgress, None]:
        """Yield the messages in order; each begins where the one before ends.

        Raises:
            Unavailable: If the database stays unavailable.
            BeyondHead: If the log was restored to an older state.
            ContractBroken: If a row does not fit in a message.
        """
        wanted = self._wanted
        async for log_slice in self.reader.slices():
            cut = partial(frames, after=self._after, max_rows=wanted.max_rows, max_bytes=self._max_bytes)
            for frame in cut(log_slice, marks=self._marks):
                yield frame
                self._told(frame.position)
            if wanted.subset is not None and self._is_due(log_slice.upto):
                progress = ConsumeProgress(self._after, log_slice.upto)
                yield progress
                self._told(progress.position)

    def _told(self, position: int) -> None:
        self._after, self._told_at = position, time.monotonic()

    def _is_due(self, upto: int) -> bool:
        if not self._after < upto < self._wanted.head:  # at the head, the end of log follows
            return False
        return upto - self._after >= PROGRESS_POSITIONS or time.monotonic() - self._told_at >= PROGRESS_S
