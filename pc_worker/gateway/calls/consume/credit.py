"""Credit and acknowledgements of a consumer. Pure: the time is an argument."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from pc_worker.errors import InvalidRequest

#: More than a client needs; keeps the sums far from overflow.
MOST = 2**53


def check_credit(chunks: int, size: int) -> None:
    """Check credit that a consumer grants.

    Raises:
        InvalidRequest: If it is negative.
    """
    if chunks < 0 or size < 0:
        raise InvalidRequest(f"credit of {chunks} chunks and {size} bytes cannot be granted: it is negative")


@dataclass(frozen=True, slots=True)
class SentChunk:
    """A chunk that is not acknowledged yet."""

    position: int
    rows: int


class CreditWindow:
    """The credit that a consumer has left, and what it was sent and has acknowledged."""

    def __init__(self, position: int) -> None:
        self.chunks = 0
        self.bytes = 0
        self.position = position
        self.acked = position
        self._passed = position
        self._outstanding: deque[SentChunk] = deque()
        self._redelivered: set[int] = set()
        self._progress_at = 0.0

    def grant(self, chunks: int, size: int) -> None:
        """Add credit; more than ``MOST`` in all counts as that: a client without limits grants the largest number.

        Raises:
            InvalidRequest: If it is negative.
        """
        check_credit(chunks, size)
        self.chunks = min(self.chunks + chunks, MOST)
        self.bytes = min(self.bytes + size, MOST)

    def allows(self, size: int) -> bool:
        """Return whether a chunk may be sent whose message has ``size`` bytes."""
        return self.chunks >= 1 and self.bytes >= size

    def send(self, size: int, *, position: int, rows: int, now: float) -> None:
        """Subtract a chunk that is sent at ``now``, in seconds."""
        self.chunks -= 1
        self.bytes -= size
        self.position = position
        self._begin(now)
        self._outstanding.append(SentChunk(position, rows))

    def resend(self, size: int, *, position: int, now: float) -> None:
        """Subtract the message of a row that is sent again, outside the log's order."""
        self.chunks -= 1
        self.bytes -= size
        self._begin(now)
        self._redelivered.add(position)

    def answer(self, positions: Iterable[int], *, now: float) -> None:
        """Record that redelivered rows are acknowledged or nacked."""
        for position in self._redelivered.intersection(positions):
            self._redelivered.discard(position)
            self._progress_at = now

    def announce(self, position: int) -> None:
        """Record that an end of log at ``position`` is sent."""
        self.position = position

    def skip(self, position: int) -> None:
        """Record that nothing up to ``position`` is sent any more: it counts as acknowledged with what is before."""
        self.position = self._passed = position
        self._pass()

    def _pass(self) -> None:
        if not self._outstanding:
            self.acked = max(self.acked, self._passed)

    def ack(self, position: int, *, now: float) -> int:
        """Record an acknowledgement and return how many more rows are acknowledged now; 0 for an old one.

        Raises:
            InvalidRequest: If that position was never sent.
        """
        if position > self.position:
            raise InvalidRequest(f"position {position} cannot be acknowledged: only up to {self.position} was sent")
        rows = 0
        while self._outstanding and self._outstanding[0].position <= position:
            rows += self._outstanding.popleft().rows
            self._progress_at = now
        self.acked = max(self.acked, position)
        self._pass()
        return rows

    @property
    def outstanding(self) -> bool:
        """Whether rows are sent that are not answered."""
        return bool(self._outstanding or self._redelivered)

    def overdue_at(self, deadline_s: float) -> float | None:
        """Return when the consumer must have acknowledged something; None while nothing is outstanding."""
        return self._progress_at + deadline_s if self.outstanding else None

    def _begin(self, now: float) -> None:
        if not self.outstanding:
            self._progress_at = now
