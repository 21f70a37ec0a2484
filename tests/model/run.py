"""Runs operations of chance against real servers and a real gateway, and compares with the oracle."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from unittest import mock
from uuid import uuid4

import psycopg2
import redis

from pc_worker.gateway import GatewayConfig, metrics
from pc_worker.gateway.log import read_plan
from pc_worker.services.seed import seed_domains
from pc_worker.settings import PROJECT
from pc_worker.store.db.connection import Database
from pc_worker.store.db.migrations import migrate, read_migrations
from tests.integration.gateway.conftest import running_gateway
from tests.integration.gateway.servers import Servers
from tests.model.checks import check
from tests.model.line import DOMAIN, Line, services_for
from tests.model.operations import RACERS, WEIGHTS, World
from tests.model.readers import Wrong

#: Rows of a batch from which the hot buffer is read.
MIN_BATCH = 2


class Failed(AssertionError):
    """What went wrong, and how to see it again."""


async def run(servers: Servers, folder: Path, *, seed: int, operations: int) -> Counter[str]:
    """Run this many operations; return the count of each, and of the rows from the hot buffer.

    The gateway reads smaller batches from the hot buffer than in production, so that the buffer is used at all.

    Raises:
        Failed: With the seed and the number of the operation after which something was wrong.
    """
    random, done = Random(seed), Counter[str]()
    metrics.ROWS.clear()
    redis.Redis.from_url(servers.redis_url).flushall()
    with mock.patch.object(read_plan, "SMALL_BATCH", MIN_BATCH), fresh_database(servers.database_url) as url:
        config = GatewayConfig(
            addresses=("127.0.0.1:0",),
            database_url=url,
            redis_url=servers.redis_url,
            domains=frozenset({DOMAIN}),
            drain_s=0.1,
            first_chunk_delay_s=0.0,
        )
        async with running_gateway(config) as address:
            lines = [Line(services_for(url, servers.redis_url, folder / f"{seed}"), folder / f"{seed}", url)]
            lines += [
                Line(services_for(url, servers.redis_url, folder / f"{seed}"), folder / f"{seed}", url)
                for _ in range(RACERS)
            ]
            world = World(lines[0], lines[1:], redis.Redis.from_url(servers.redis_url), address, random)
            try:
                await _operate(world, done, seed=seed, operations=operations)
            finally:
                await world.follower.cut()
                for line in lines:
                    line.database.close()
    return done


async def _operate(world: World, done: Counter[str], *, seed: int, operations: int) -> None:
    seed_domains(world.line.services)
    world.follower.start(own_position=True)
    for number in range(1, operations + 1):
        last = number == operations
        (operation,) = [check] if last else world.random.choices(list(WEIGHTS), list(WEIGHTS.values()))
        try:
            await operation(world)
        except Exception as exc:
            again = f"python -m tests.model --seed {seed} --operations {number}"
            what = str(exc) if isinstance(exc, Wrong) else f"{type(exc).__name__}: {exc}"
            raise Failed(f"operation {number} ({operation.__name__}): {what}\nagain: {again}") from exc
        done[operation.__name__] += 1
    done["rows from the queue"] = int(metrics.ROWS.labels(DOMAIN, "queue")._value.get())


@contextmanager
def fresh_database(server_url: str) -> Iterator[str]:
    """Yield a new migrated database."""
    name = f"model_{uuid4().hex}"
    _administer(server_url, f"CREATE DATABASE {name}")
    url = f"{server_url.rpartition('/')[0]}/{name}"
    database = Database(url)
    migrate(database, read_migrations(PROJECT / "migrations"))
    database.close()
    yield url
    _administer(server_url, f"DROP DATABASE {name} WITH (FORCE)")


def _administer(url: str, statement: str) -> None:
    connection = psycopg2.connect(url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(statement)
    connection.close()
