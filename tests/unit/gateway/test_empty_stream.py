"""The stream of a domain without a log: no first row is missed, and no lease is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import pytest

from pc_worker.errors import Unavailable
from pc_worker.gateway.calls.consume import call as calls
from pc_worker.gateway.calls.consume.call import ConsumeCall
from pc_worker.gateway.calls.consume.empty_stream import EmptyStream
from pc_worker.gateway.calls.consume.opening import ConsumeLimits
from pc_worker.gateway.context import Shutdown
from pc_worker.store.log.read import LogHead
from pc_worker.store.log.subscription_leases import SubscriptionLease
from tests.unit.gateway.test_half_close import EndedContext


class FirstRow:
    """A log whose first row is committed just after it was asked for the first time."""

    def __init__(self, grown: asyncio.Event) -> None:
        self._grown, self._asked = grown, 0

    async def head(self, domain: str) -> LogHead | None:
        self._asked += 1
        self._grown.set()
        return None if self._asked == 1 else LogHead(1, UUID(int=0), "m@1")


async def test_a_first_row_that_is_committed_while_the_log_is_looked_for_is_not_missed() -> None:
    grown, created = asyncio.Event(), list[str]()

    @contextmanager
    def growth(domain: str) -> Iterator[asyncio.Event]:
        yield grown

    async def create() -> None:
        created.append("recruit")

    gateway = SimpleNamespace(
        delivery=FirstRow(grown),
        config=SimpleNamespace(retry_for_s=1.0),
        shutdown=Shutdown(),
        watch=SimpleNamespace(growth=growth),
    )
    limits = ConsumeLimits(max_rows=300, max_bytes=1000, heartbeat_s=3600, ack_deadline_s=1)
    stream = EmptyStream(cast(Any, gateway), cast(Any, EndedContext()), limits, "recruit", create=create)

    with pytest.raises(Unavailable, match="has begun"):
        await asyncio.wait_for(stream._follow(), 10)

    assert created == ["recruit"]


class SlowRelease:
    """Subscriptions whose leases are released only when the test lets them be."""

    def __init__(self) -> None:
        self.releasing, self.may_end, self.released = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def acquire(self, wanted: object, *, only_free: bool, holder: str) -> SubscriptionLease:
        return SubscriptionLease("recruit", "batch", generation=1, position=0)

    async def release(self, lease: SubscriptionLease) -> None:
        self.releasing.set()
        await self.may_end.wait()
        self.released.set()


async def test_a_consumer_that_goes_while_its_subscription_is_created_keeps_no_lease(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def check_nothing(*_: object) -> None:
        pass

    monkeypatch.setattr(calls, "check_fields", check_nothing)
    subscriptions = SlowRelease()
    call = ConsumeCall(cast(Any, SimpleNamespace(subscriptions=subscriptions)))
    creating = asyncio.create_task(call._create(cast(Any, None), cast(Any, None), "peer"))
    await asyncio.wait_for(subscriptions.releasing.wait(), 10)

    creating.cancel()
    with pytest.raises(asyncio.CancelledError):
        await creating
    subscriptions.may_end.set()

    await asyncio.wait_for(subscriptions.released.wait(), 10)
