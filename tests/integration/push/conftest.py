"""A stand-in of the stock server, and empty logs of the stock domains on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from pc_worker.push import Pace
from pc_worker.store.connection import Database
from tests.integration.push.domain_log import DomainLog
from tests.support.batch_server import StockBatchServer

#: Quick to repeat and to give up.
QUICK = Pace(away_attempts=2, pause_s=0.01, longest_pause_s=0.01)


@pytest.fixture
def server() -> Iterator[StockBatchServer]:
    with StockBatchServer() as running:
        yield running


@pytest.fixture
def new_log(database: Database) -> Callable[[str], DomainLog]:
    """Makes the log of a domain; the module's database is emptied first."""
    with database.transaction() as cursor:
        cursor.execute("TRUNCATE domains, jobs, models CASCADE")
    return lambda domain: DomainLog(database, domain)
