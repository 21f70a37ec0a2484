"""Real PostgreSQL and Valkey, a database of its own for each test, and a gateway on a free port."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import grpc
import grpc.aio
import psycopg2
import pytest
import redis
from grpc_health.v1 import health_pb2

from pc_worker.gateway import GatewayConfig, SearchFunction
from pc_worker.gateway.server import serve
from pc_worker.store.db.connection import Database
from pc_worker.store.db.migrations import migrate, read_migrations
from tests.integration.gateway.logfile import DomainLog
from tests.integration.gateway.servers import Servers, running_servers

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with running_servers(tmp_path_factory.mktemp("home")) as running:
        database = Database(running.database_url)
        migrate(database, read_migrations(ROOT / "migrations"))
        database.close()
        yield running


@dataclass(frozen=True)
class Neighbours:
    """The database and Redis of one test."""

    database_url: str
    redis_url: str

    def log(self, domain: str, *, dimension: int = 8) -> DomainLog:
        return DomainLog(self.database_url, self.redis_url, domain, dimension=dimension)


@pytest.fixture
def neighbours(servers: Servers) -> Iterator[Neighbours]:
    name = f"t{uuid4().hex}"
    server, _, migrated = servers.database_url.rpartition("/")
    _execute(f"{server}/template1", f"CREATE DATABASE {name} TEMPLATE {migrated} STRATEGY file_copy")
    redis.Redis.from_url(servers.redis_url).flushall()
    yield Neighbours(f"{server}/{name}", servers.redis_url)
    servers.bring_back()
    _execute(f"{server}/template1", f"DROP DATABASE {name} WITH (FORCE)")


def _execute(url: str, statement: str) -> None:
    connection = psycopg2.connect(url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(statement)
    connection.close()


@asynccontextmanager
async def running_gateway(config: GatewayConfig, *, search: SearchFunction | None = None) -> AsyncIterator[str]:
    """Yield the address of a gateway in this process."""
    listening: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    serving = serve(config, search=search, on_ready=lambda bound: listening.set_result(bound[0]))
    task: asyncio.Future[Any] = asyncio.create_task(serving)
    try:
        await asyncio.wait({task, listening}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            await task
        yield await listening
    finally:
        task.cancel()
        await asyncio.wait([task])


def config_for(neighbours: Neighbours, **changes: Any) -> GatewayConfig:
    """Return a configuration on a free loopback port, with short timeouts."""
    values: dict[str, Any] = {
        "addresses": ("127.0.0.1:0",),
        "database_url": neighbours.database_url,
        "redis_url": neighbours.redis_url,
        "domains": frozenset({"recruit", "candidate", "skill_dic", "document"}),
        "drain_s": 1.0,
    }
    return GatewayConfig(**(values | changes))


@pytest.fixture
async def gateway(neighbours: Neighbours) -> AsyncIterator[str]:
    async with running_gateway(config_for(neighbours)) as address:
        yield address


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait until ``condition`` holds; the test's own time limit is the only one."""
    while not await condition():  # noqa: ASYNC110 - what is waited for happens in other processes
        await asyncio.sleep(0.02)


async def is_serving(address: str) -> bool:
    """Return whether health says SERVING: true only once the gateway listens to the database."""
    request = health_pb2.HealthCheckRequest().SerializeToString()
    async with grpc.aio.insecure_channel(address) as channel:
        answer = await channel.unary_unary("/grpc.health.v1.Health/Check")(request)
    return bool(health_pb2.HealthCheckResponse.FromString(answer).status == health_pb2.HealthCheckResponse.SERVING)
