"""Rows to one server: bounded retries, then halving down to the rows at fault — if it is the rows.

A stock server answers INTERNAL to everything, to a bad row as to a lost database of its own. So a row is found at
fault only if the server takes another row at that moment and refuses this one once more; if it takes nothing, it is
the server that is ill, and nobody's rows are set aside.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pc_worker.encoding.bisect import bisect
from pc_worker.errors import BatchServerTimeout, Unavailable
from pc_worker.push.chunks import chunked
from pc_worker.push.client import BatchServer, Refused
from pc_worker.push.rows import StockRow
from pc_worker.push.tables import StockTable

#: Rows tried alone, spread over what was refused, before a server that has taken none yet counts as ill.
SAMPLES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How patient a push is.

    Attributes:
        away_attempts: Calls to a server that does not answer before the push ends.
        refused_attempts: Calls with the same rows before they are halved.
        pause_s: Seconds before the first repetition; doubles each time, and is shortened at random by up to half.
        longest_pause_s: Bound of that.
        run_s: Seconds after which a push ends at the next acknowledgement, to let others to the worker.
    """

    away_attempts: int = 5
    refused_attempts: int = 2
    pause_s: float = 0.5
    longest_pause_s: float = 15.0
    run_s: float = 60.0


class Sender:
    """Sends rows of one domain to one server.

    Args:
        server: Where to.
        table: The domain as the server knows it.
        known_good: Gives a row that this server took in an earlier push; None if there is none.
        pace: When to give up.
    """

    def __init__(
        self, server: BatchServer, table: StockTable, *, known_good: Callable[[], StockRow | None], pace: Pace
    ) -> None:
        self._server, self._table, self._pace = server, table, pace
        self._known_good = known_good
        self._taken: StockRow | None = None

    def send(self, rows: Sequence[StockRow]) -> list[str | None]:
        """Send rows, in order; gives for each None, or why the server does not take it.

        Raises:
            Unavailable: If the server does not answer, or takes nothing at all; some rows may be stored there.
            ContractBroken: If it is no batch server.
        """
        if not rows:
            return []
        for attempt in range(1, self._pace.refused_attempts + 1):
            try:
                self._call(rows)
            except Refused:
                self._pause(attempt)
            else:
                return [None] * len(rows)
        self._find_taken(rows)
        found = bisect(rows, self._part, failure=Refused)
        return [None if refused is None else str(refused) for refused in found]

    def _part(self, rows: Sequence[StockRow]) -> list[None]:
        try:
            self._call(rows)
        except Refused:
            if len(rows) > 1:
                raise
            self._check_health()
            self._call(rows)
        return [None] * len(rows)

    def _check_health(self) -> None:
        if self._taken is None:  # the row that was taken is looked for before rows are tried alone
            raise Unavailable(f"the batch server {self._server.address} has taken no row yet")
        try:
            self._call([self._taken])
        except Refused as exc:
            raise Unavailable(
                f"the batch server {self._server.address} now refuses what it took before (row {self._taken.row_id}): "
                f"{exc}; see its log. No row was set aside"
            ) from exc

    def _find_taken(self, rows: Sequence[StockRow]) -> None:
        """Find a row that the server takes now, so that refusals can be told from illness."""
        before = self._taken or self._known_good()
        samples = rows[:: -(-len(rows) // SAMPLES)]
        refusal = Refused("nothing was tried")
        for row in filter(None, (before, *samples)):
            try:
                return self._call([row])
            except Refused as exc:
                refusal = exc
        raise Unavailable(
            f"the batch server {self._server.address} takes no {self._table.domain} row at all: {refusal}; "
            "see its log. No row was set aside"
        ) from refusal

    def _call(self, rows: Sequence[StockRow]) -> None:
        chunks = list(chunked(rows))
        for attempt in range(1, self._pace.away_attempts + 1):
            try:
                self._server.ingest(self._table.domain, self._table.dimension, chunks)
                break
            except Unavailable as exc:
                if isinstance(exc, BatchServerTimeout) or attempt == self._pace.away_attempts:
                    raise
                self._pause(attempt)
        self._taken = rows[-1]

    def _pause(self, attempt: int) -> None:
        longest = min(self._pace.longest_pause_s, self._pace.pause_s * 2 ** (attempt - 1))
        time.sleep(random.uniform(longest / 2, longest))  # noqa: S311 - jitter, no secret
