"""One PostgreSQL for all search tests, and a migrated database of its own for each module."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pc_worker.embedded import start_servers
from pc_worker.settings import PROJECT
from pc_worker.store.db.connection import Database
from pc_worker.store.db.migrations import migrate, read_migrations
from tests.integration.search.databases import fresh_database


@pytest.fixture(scope="session")
def server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home: Path = tmp_path_factory.mktemp("search_home")
    embedded_servers = start_servers(home, need_redis=False)
    yield embedded_servers.database_url
    embedded_servers.stop()


@pytest.fixture(scope="module")
def database_url(server_url: str) -> str:
    return fresh_database(server_url)


@pytest.fixture(scope="module")
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    migrate(database, read_migrations(PROJECT / "migrations"))
    yield database
    database.close()
