"""Sends rows to one server: retries, then bisects to the rows that the server does not accept.

A stock server answers INTERNAL to every failure, of a row as of its own database. So a row is at fault only if the
server accepts another row at that time and rejects this one again. If it accepts none, the server is at fault, and no
row is set aside.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pc_worker.encoding.bisect import bisect
from pc_worker.errors import BatchServerTimeout, Unavailable
from pc_worker.push.answer import NotAccepted
from pc_worker.push.chunks import chunked
from pc_worker.push.rows import StockRow
from pc_worker.push.tables import StockTable
from pc_worker.retry import RetryPolicy

if TYPE_CHECKING:
    from pc_worker.push.client import BatchServer

#: Rows sent alone, spread over those not accepted, before a server that has accepted none yet counts as failed.
SAMPLES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class PushLimits:
    """Attempts, pauses and duration of a push.

    Attributes:
        unavailable_attempts: Calls to a server that does not answer before the push ends.
        not_accepted_attempts: Calls with the same rows before they are bisected.
        pause_s: Seconds before the first retry; doubles each time. Up to half of it is added at random.
        longest_pause_s: The longest pause.
        run_s: Seconds after which a push ends at the next acknowledgement, so that the worker serves others.
    """

    unavailable_attempts: int = 5
    not_accepted_attempts: int = 2
    pause_s: float = 0.5
    longest_pause_s: float = 15.0
    run_s: float = 60.0

    def retries(self, attempts: int) -> RetryPolicy:
        """Return the policy with this many attempts."""
        return RetryPolicy(
            attempts=attempts, first_s=self.pause_s, jitter_s=self.pause_s / 2, longest_s=self.longest_pause_s
        )


class Sender:
    """Sends rows of one domain to one server.

    Args:
        server: The server.
        table: Its table of the domain.
        known_good: Returns a row that this server accepted in an earlier push; None if there is none.
        limits: Attempts and pauses.
        before_call: Called before each call of the server; an error of it ends the sending.
    """

    def __init__(
        self,
        server: BatchServer,
        table: StockTable,
        *,
        known_good: Callable[[], StockRow | None],
        limits: PushLimits,
        before_call: Callable[[], None],
    ) -> None:
        self._server, self._table, self._limits = server, table, limits
        self._known_good, self._before_call = known_good, before_call
        self._accepted: StockRow | None = None

    def send(self, rows: Sequence[StockRow]) -> list[str | None]:
        """Send rows, in order; return for each None, or why the server does not accept it.

        Raises:
            Unavailable: If the server does not answer, or accepts no row at all; some rows may be stored there.
            ContractBroken: If it is not a batch server.
        """
        if not rows:
            return []
        try:
            self._limits.retries(self._limits.not_accepted_attempts).call(lambda: self._call(rows), on=NotAccepted)
        except NotAccepted:
            self._find_accepted(rows)
            found = bisect(rows, self._send_part, failure=NotAccepted)
            return [None if error is None else str(error) for error in found]
        return [None] * len(rows)

    def _send_part(self, rows: Sequence[StockRow]) -> list[None]:
        try:
            self._call(rows)
        except NotAccepted:
            if len(rows) > 1:
                raise
            self._check_health()
            self._call(rows)
        return [None] * len(rows)

    def _check_health(self) -> None:
        if self._accepted is None:  # one is searched for before rows are sent alone
            raise Unavailable(f"the batch server {self._server.address} has taken no row yet")
        try:
            self._call([self._accepted])
        except NotAccepted as exc:
            raise Unavailable(
                f"the batch server {self._server.address} now rejects row {self._accepted.row_id}, which it accepted "
                f"before: {exc}; see its log. No row was set aside"
            ) from exc

    def _find_accepted(self, rows: Sequence[StockRow]) -> None:
        """Find a row that the server accepts now: it shows later that the server works when it rejects another."""
        before = self._accepted or self._known_good()
        samples = rows[:: -(-len(rows) // SAMPLES)]
        error = NotAccepted("nothing was tried")
        for row in filter(None, (before, *samples)):
            try:
                return self._call([row])
            except NotAccepted as exc:
                error = exc
        raise Unavailable(
            f"the batch server {self._server.address} takes no {self._table.domain} row at all: {error}; "
            "see its log. No row was set aside"
        ) from error

    def _call(self, rows: Sequence[StockRow]) -> None:
        domain, dimension, chunks = self._table.domain, self._table.dimension, list(chunked(rows))

        def once() -> None:
            self._before_call()
            self._server.ingest(domain, dimension, chunks)

        self._limits.retries(self._limits.unavailable_attempts).call(once, on=_is_unavailable)
        self._accepted = rows[-1]


def _is_unavailable(error: Exception) -> bool:
    return isinstance(error, Unavailable) and not isinstance(error, BatchServerTimeout)
