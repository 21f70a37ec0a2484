"""A fake of the stock server, and empty logs of the stock domains on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from pc_worker.services.push import push as service
from pc_worker.store.db.connection import Database
from tests.integration.push.domain_log import DomainLog
from tests.support.batch_server import StockBatchServer


@pytest.fixture
def server() -> Iterator[StockBatchServer]:
    with StockBatchServer() as running:
        yield running


@pytest.fixture
def new_log(database: Database) -> Callable[[str], DomainLog]:
    """Return a function that returns the log of a domain; the module's database is emptied first."""
    with database.transaction() as cursor:
        cursor.execute("TRUNCATE domains, log, rows, jobs, models CASCADE")
    return lambda domain: DomainLog(database, domain)


@pytest.fixture
def short_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Send few rows per call, so that small logs need many calls."""
    monkeypatch.setattr(service, "CALL_ROWS", 20)
