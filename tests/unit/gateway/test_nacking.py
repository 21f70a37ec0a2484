"""A nacked row is looked for again whenever an answer is stored, also while it is being looked for."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from pc_worker.gateway.calls.consume.credit import CreditWindow
from pc_worker.gateway.calls.consume.nacking import NackLedger
from pc_worker.gateway.context import GatewayContext
from pc_worker.store.log.nacks import DueRow, RedeliveryRules
from pc_worker.store.log.subscription_leases import SubscriptionLease
from pc_worker.wire.generated import embedding_stream_pb2 as pb

RULES = RedeliveryRules(max_deliveries=3, first_delay_s=60.0)


class Rows:
    """The nacked rows of a database in which another task stores an answer while it is asked for the first time."""

    def __init__(self, ledger: NackLedger) -> None:
        self.ledger, self.asked = ledger, 0

    async def next_due(self, *, exclude: set[int]) -> DueRow | None:
        """Return None, for the question came before the answer was stored; then the row of the answer."""
        self.asked += 1
        if self.asked > 1:
            return DueRow(position=5, deliveries=1, due_in_s=30.0)
        assert exclude == {5}
        answers = self.ledger.answers()
        assert answers is not None
        self.ledger.saved(answers)
        return None


async def test_an_answer_that_is_stored_while_rows_are_looked_for_is_not_missed() -> None:
    window = CreditWindow(0)
    window.grant(10, 1000)
    window.send(10, position=10, rows=10, now=0)
    written: list[bytes] = []

    async def write(message: bytes) -> None:
        written.append(message)

    gateway = cast(GatewayContext, SimpleNamespace(delivery=None, config=SimpleNamespace(retry_for_s=1.0)))
    lease = SubscriptionLease("law", "s", generation=1, position=0)
    ledger = NackLedger(gateway, lease, RULES, window, write)
    rows = Rows(ledger)
    cast(Any, ledger)._rows = rows
    ledger.nack(pb.ConsumeNack(position=5, reason="not now"))

    await ledger.send()

    assert rows.asked == 2
    assert 29 < ledger.due_in_s() <= 30
