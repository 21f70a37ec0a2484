"""A call that goes on without its request still counts: what limits calls is held until its thread is done."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pc_worker.errors import DeadlineExceeded
from pc_worker.gateway.limits.quota import Caller, CallerLimit
from pc_worker.http.requests.limits import Quotas, searching
from pc_worker.http.service_threads import ServiceThreads, until_ended
from pc_worker.services.dependencies import Services

CALLER = cast(Caller, SimpleNamespace(key="one"))


def services() -> Services:
    return cast(Services, SimpleNamespace(database=SimpleNamespace(connection=SimpleNamespace(cancel=lambda: None))))


async def spend(*_: Any, **__: Any) -> None:
    """Count nothing."""


@pytest.mark.parametrize("within_s", [None, 2])
async def test_the_slot_of_a_search_is_free_when_its_thread_is(within_s: float | None) -> None:
    threads = ServiceThreads("searches", services, threads=2, waiting=2, within_s=60)
    quotas = Quotas(cast(Any, None), cast(Any, None), CallerLimit(1))
    begun, released, second = asyncio.Event(), threading.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def encode(_: Services) -> None:
        loop.call_soon_threadsafe(begun.set)
        released.wait()

    async def search() -> None:
        async with searching(cast(Any, SimpleNamespace(spend=spend)), quotas, CALLER, cost=1) as calls:
            await threads.run(encode, within_s=within_s, calls=calls)

    async def search_again() -> None:
        async with searching(cast(Any, SimpleNamespace(spend=spend)), quotas, CALLER, cost=1):
            second.set()

    try:
        first = asyncio.create_task(search())
        await begun.wait()
        if within_s is None:
            first.cancel()
        with suppress(asyncio.CancelledError, DeadlineExceeded):
            await first
        waiting = asyncio.create_task(search_again())
        for _ in range(20):
            await asyncio.sleep(0)
        assert not second.is_set(), "the thread is at work"
        released.set()
        await asyncio.wait_for(waiting, 30)
    finally:
        released.set()
        threads.close()


async def test_a_gate_without_calls_is_free_at_once() -> None:
    gate = asyncio.Semaphore(1)

    async with until_ended(gate) as calls:
        assert gate.locked()
    assert not calls
    assert not gate.locked()
