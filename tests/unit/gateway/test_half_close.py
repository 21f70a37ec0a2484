"""The end of a consumer's messages: in order, or because its connection is lost."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import grpc.aio
import pytest

from pc_worker.gateway.calls.consume import session as sessions
from pc_worker.gateway.calls.consume.opening import ConsumeLimits
from pc_worker.gateway.calls.consume.session import ConsumeSession
from pc_worker.store.log.subscription_leases import SubscriptionLease


class EndedContext:
    """A call whose client sends no message any more."""

    async def read(self) -> object:
        """Return what gRPC returns for half-closing, and at first for a lost connection."""
        return grpc.aio.EOF

    async def write(self, message: bytes) -> None:
        """Write nothing."""


def _session(*, sent: int, acked: int) -> ConsumeSession:
    limits = ConsumeLimits(max_rows=300, max_bytes=1000, heartbeat_s=1, ack_deadline_s=1)
    lease = SubscriptionLease("recruit", "batch", generation=1, position=0)
    made = ConsumeSession(cast(Any, SimpleNamespace(delivery=None)), cast(Any, EndedContext()), limits, lease)
    made._window.send(10, position=sent, rows=sent, now=0.0)
    made._window.ack(acked, now=0.0)
    return made


async def test_a_lost_connection_is_no_half_close(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "LOST_S", 3600.0)
    session = _session(sent=5, acked=0)
    receiving = asyncio.create_task(session._receive())
    done, _ = await asyncio.wait([receiving], timeout=0.01)

    receiving.cancel()  # as gRPC does

    with pytest.raises(asyncio.CancelledError):
        await receiving
    assert not done
    assert not session._half_closed
    assert session.unacknowledged == 5


@pytest.mark.parametrize(("acked", "lost_s"), [(5, 3600.0), (0, 0.0)])
async def test_half_closing_ends_the_stream(monkeypatch: pytest.MonkeyPatch, acked: int, lost_s: float) -> None:
    monkeypatch.setattr(sessions, "LOST_S", lost_s)
    session = _session(sent=5, acked=acked)

    receiving = asyncio.create_task(session._receive())

    await asyncio.wait_for(session._grown.wait(), 10)
    assert session._half_closed
    receiving.cancel()
