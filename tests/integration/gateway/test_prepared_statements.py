"""A plan that the gateway made while the log was empty must not be what a long log is read with."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from pc_worker.model import LogBatch
from pc_worker.store.db.connection import Database
from pc_worker.store.db.planner_statistics import analyze_after_growth
from pc_worker.store.log.read import Delivery, open_pool
from tests.integration.gateway.conftest import Neighbours
from tests.integration.gateway.logfile import DomainLog

# In two parts, or it would find itself.
KEPT = "SELECT name FROM pg_prepared_statements WHERE statement LIKE '%LEFT JOIN ' || 'rows%'"


@pytest.fixture
async def delivery(neighbours: Neighbours) -> AsyncIterator[Delivery]:
    pool = await open_pool(neighbours.database_url, connections=1)
    yield Delivery(pool)
    await pool.close()


async def test_rows_are_looked_up_one_by_one_after_growth(neighbours: Neighbours, delivery: Delivery) -> None:
    log = neighbours.log("law")
    with log.connection.cursor() as cursor:
        cursor.execute("ANALYZE")  # as autovacuum does: every table is known to be empty
    log.connection.commit()
    await _read(delivery, upto=0)
    assert "row_id = " not in await _index_conditions(delivery)  # what this is about

    _grow(log, neighbours.database_url)

    found = await _read(delivery, upto=300)
    assert found is not None
    assert found.entries == 300
    conditions = await _index_conditions(delivery)
    assert conditions.count("row_id = ") == 2, conditions


def _grow(log: DomainLog, database_url: str) -> None:
    entry = log.write(range(300), push=False)
    database = Database(database_url)
    analyze_after_growth(database, LogBatch(epoch=entry.epoch, nonce=entry.nonce, first=entry.first, last=entry.last))
    database.close()


async def _read(delivery: Delivery, *, upto: int) -> Any:
    return await delivery.rows("law", after=0, upto=upto, head=upto, max_rows=300, max_bytes=4_000_000)


async def _index_conditions(delivery: Delivery) -> str:
    async with delivery.connection() as connection:
        name = await connection.fetchval(KEPT)
        plan = await connection.fetch(f"EXPLAIN EXECUTE {name}('law', 0, 300, 300, 300, 4000000, false)")
    return "\n".join(line for (line,) in plan if "Index Cond" in line)
