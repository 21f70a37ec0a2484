"""The end of a call that is rejected in the middle: its client gets the status, and no task of it stays."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import grpc
import grpc.aio
import pytest

from pc_worker.errors import InvalidRequest, Unavailable
from pc_worker.gateway.auth import Access
from pc_worker.gateway.calls.consume.call import ConsumeCall
from pc_worker.gateway.calls.consume.first_completed import first_of
from pc_worker.gateway.calls.consume.session import ConsumeSession
from pc_worker.gateway.config import GatewayConfig
from pc_worker.gateway.context import GatewayContext, Shutdown
from pc_worker.gateway.limits.admission import Admission
from pc_worker.gateway.limits.quota import Quota, QuotaLimits
from pc_worker.gateway.log.notify import DatabaseWatch
from pc_worker.gateway.log.retry import retry_until
from pc_worker.store.log.read import Delivery, LogHead
from pc_worker.store.log.subscription_leases import SubscriptionLease
from pc_worker.wire.generated import embedding_stream_pb2 as pb

OPEN = pb.ConsumeRequest(open=pb.ConsumeOpen(domain="document", subscription="s")).SerializeToString()


class Leases:
    """The subscriptions of a database that answers once ``committed`` is set; it remembers what was released."""

    def __init__(self, *, position: int = 0) -> None:
        self.lease = SubscriptionLease("document", "s", generation=1, position=position)
        self.acquired = asyncio.Event()
        self.committed = asyncio.Event()
        self.released: list[SubscriptionLease] = []
        self.free = asyncio.Event()

    async def acquire(self, *_: object, **__: object) -> SubscriptionLease:
        self.acquired.set()
        await self.committed.wait()
        return self.lease

    async def renew(self, *_: object, **__: object) -> None:
        """Store nothing."""

    async def release(self, lease: SubscriptionLease, **_: object) -> None:
        self.released.append(lease)
        self.free.set()


class EmptyLog:
    """A log whose head is 0."""

    async def head(self, _: str) -> LogHead:
        return LogHead(0, UUID(int=1), "mini@1")


async def _nothing() -> None:
    pass


@asynccontextmanager
async def serving(leases: Leases) -> AsyncIterator[Any]:
    """Serve `Consume` alone on a free port; yield the method of a client."""
    config = GatewayConfig(addresses=(), database_url="postgresql://127.0.0.1:1/none", domains=frozenset({"document"}))
    gateway = GatewayContext(
        config=config,
        delivery=cast(Any, EmptyLog()),
        subscriptions=cast(Any, leases),
        watch=DatabaseWatch(config.database_url, lambda _: None, on_loss=_nothing),
        queue=None,
        shutdown=Shutdown(),
    )
    admission = Admission(Access(token=None, tokens={}), first_message_s=10)
    handler = admission.handler(
        "Consume", ConsumeCall(gateway).serve, Quota(QuotaLimits(most=9, per_token=9, per_host=9))
    )
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("Service", {"Consume": handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield channel.stream_stream("/Service/Consume")
    finally:
        await server.stop(0)


async def _ended(call: Any) -> grpc.StatusCode:
    """Read to the end: gRPC returns the status after the last message."""
    with suppress(grpc.aio.AioRpcError):
        async with asyncio.timeout(30):
            while await call.read() is not grpc.aio.EOF:
                pass
    status: grpc.StatusCode = await call.code()
    return status


async def test_a_call_that_is_rejected_while_its_first_message_is_sent_gets_its_status(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def reject(_: ConsumeSession) -> None:
        raise InvalidRequest("this message is not allowed here")

    monkeypatch.setattr(ConsumeSession, "_receive", reject)  # as if the message were there at once
    leases = Leases()
    leases.committed.set()
    assert await _status_of_open(leases) == grpc.StatusCode.INVALID_ARGUMENT
    assert leases.released == [leases.lease]


async def test_a_client_that_leaves_while_its_lease_is_acquired_does_not_keep_it() -> None:
    leases = Leases()
    async with serving(leases) as consume:
        call = consume()
        await call.write(OPEN)
        await leases.acquired.wait()
        call.cancel()
        async with asyncio.timeout(30):
            while not any(task.cancelling() for task in asyncio.all_tasks()):  # noqa: ASYNC110 - the server's task
                await asyncio.sleep(0.01)
            leases.committed.set()  # the server has heard of it while the database commits
            await leases.free.wait()

    assert leases.released == [leases.lease]


async def test_a_subscription_beyond_the_log_is_free_again() -> None:
    leases = Leases(position=7)
    leases.committed.set()
    assert await _status_of_open(leases) == grpc.StatusCode.INVALID_ARGUMENT
    assert leases.released == [leases.lease]


async def _status_of_open(leases: Leases) -> grpc.StatusCode:
    """Return the status with which a call ends that has sent its first message."""
    async with serving(leases) as consume:
        call = consume()
        await call.write(OPEN)
        return await _ended(call)


class FrozenPool:
    """A pool of connections of which a cancelled statement cannot be ended in time."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    @asynccontextmanager
    async def acquire(self, **_: object) -> AsyncIterator[Any]:
        try:
            yield SimpleNamespace(fetchrow=self._fetchrow)
        except asyncio.CancelledError:
            raise TimeoutError("the statement does not end") from None

    async def _fetchrow(self, *_: object) -> None:
        self.asked.set()
        await asyncio.Event().wait()


async def test_a_cancelled_statement_that_cannot_be_ended_is_not_repeated() -> None:
    pool = FrozenPool()
    delivery = Delivery(cast(Any, pool))

    async def refuse() -> None:
        await pool.asked.wait()
        raise Unavailable("the consumer did something wrong")

    async def read() -> None:
        await retry_until(lambda: delivery.head("document"), retry_for_s=60, what="consumer")

    with pytest.raises(Unavailable, match="wrong"):
        async with asyncio.timeout(30):
            await first_of(read(), refuse())
