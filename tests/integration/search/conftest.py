"""The migrated database of a search test's module, with one connection for all of its tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pc_worker.embedded import EmbeddedServers
from pc_worker.store.db.connection import Database


@pytest.fixture(scope="session")
def server_url(embedded_servers: EmbeddedServers) -> str:
    return embedded_servers.database_url


@pytest.fixture(scope="module")
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    yield database
    database.close()
