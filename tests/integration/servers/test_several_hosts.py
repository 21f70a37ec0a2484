"""Several hosts in the URL: one that does not answer is passed over by workers and gateway, within its own timeout."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field

import pytest

from pc_worker.errors import Unavailable
from pc_worker.store.db.connection import Database
from pc_worker.store.log.notifications import listen
from pc_worker.store.log.read import Delivery, open_pool
from pc_worker.urls import read_database_url


@dataclass
class SilentHost:
    """A host that accepts connections and never answers, as one does that has hung."""

    port: int
    listener: socket.socket
    accepted: list[socket.socket] = field(default_factory=list)

    def count(self) -> int:
        """Accept what has arrived, and return how many connections there were."""
        self.listener.setblocking(False)
        while True:
            try:
                self.accepted.append(self.listener.accept()[0])
            except BlockingIOError:
                return len(self.accepted)


@contextmanager
def silent_host() -> Iterator[SilentHost]:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        host = SilentHost(listener.getsockname()[1], listener)
        yield host
        for connection in host.accepted:
            connection.close()


def with_first_host(url: str, port: int, *, alone: bool = False) -> str:
    """Return the URL with another host before its own, or instead of it."""
    (host, own), *_ = read_database_url(url).hosts
    hosts = f"127.0.0.1:{port}" if alone else f"127.0.0.1:{port},{host}:{own}"
    return f"{url.replace(f'{host}:{own}', hosts)}?connect_timeout=2"


@asynccontextmanager
async def delivery_of(url: str, *, wait_s: float = 30.0) -> AsyncIterator[Delivery]:
    pool = await open_pool(url, connections=2)
    yield Delivery(pool, wait_s=wait_s)
    pool.terminate()


async def test_the_next_host_serves_when_one_does_not_answer(database_url: str) -> None:
    with silent_host() as silent:
        url = with_first_host(database_url, silent.port)
        ready = asyncio.Event()
        listener = asyncio.create_task(listen(url, ready=ready.set, heard=lambda *_: None, probe_every_s=60))
        async with delivery_of(url) as delivery:
            assert await delivery.head("d") is None
        await asyncio.wait([listener, asyncio.create_task(ready.wait())], return_when=asyncio.FIRST_COMPLETED)
        listener.cancel()

        assert ready.is_set()
        with Database(url).transaction() as cursor:
            cursor.execute("SELECT 1")


async def test_the_host_that_served_last_is_tried_first(database_url: str) -> None:
    with silent_host() as silent:
        url = with_first_host(database_url, silent.port)
        async with delivery_of(url) as delivery, delivery.connection(), delivery.connection() as second:
            assert await second.fetchval("SELECT 1") == 1

        assert silent.count() == 1


@pytest.mark.parametrize("wait_s", [30.0, 0.1])
async def test_when_no_host_answers_the_database_is_away(database_url: str, wait_s: float) -> None:
    with silent_host() as silent:
        url = with_first_host(database_url, silent.port, alone=True)
        async with delivery_of(url, wait_s=wait_s) as delivery:
            with pytest.raises(Unavailable):
                await delivery.head("d")
