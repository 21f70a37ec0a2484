"""Real servers for integration tests: one PostgreSQL and one Redis a session, one migrated database a test module."""

from __future__ import annotations

import os
from collections.abc import Iterator

import psycopg2
import pytest

from pc_worker.embedded import EmbeddedServers, start_servers
from pc_worker.settings import PROJECT
from pc_worker.store.db.connection import Database
from pc_worker.store.db.migrations import migrate, read_migrations
from tests.homes import keep_database_in_memory

#: URL of a superuser's database on another PostgreSQL, instead of the embedded one: to try its version.
OTHER_POSTGRES = "PCW_TEST_DATABASE_URL"


@pytest.fixture(scope="session")
def embedded_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServers]:
    """Yield the two servers, without any of our components; PostgreSQL may be another one."""
    home = tmp_path_factory.mktemp("servers")
    keep_database_in_memory(home)
    other = os.environ.get(OTHER_POSTGRES)
    running = start_servers(home, need_postgres=other is None)
    with pytest.MonkeyPatch.context() as patch:
        if other is not None:
            patch.setattr(EmbeddedServers, "database_url", other)
        yield running
    running.stop()


@pytest.fixture(scope="session")
def migrated(embedded_servers: EmbeddedServers) -> str:
    """Return the name of a migrated database: copying it is faster than running the migrations again."""
    _administer(embedded_servers.database_url, "CREATE DATABASE migrated")
    database = Database(f"{embedded_servers.database_url.rpartition('/')[0]}/migrated")
    migrate(database, read_migrations(PROJECT / "migrations"))
    database.close()
    return "migrated"


@pytest.fixture(scope="module")
def database_url(embedded_servers: EmbeddedServers, migrated: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """Yield a migrated database for this test module."""
    name = request.module.__name__.replace(".", "_")[-60:].lower()
    _administer(embedded_servers.database_url, f'CREATE DATABASE "{name}" TEMPLATE {migrated} STRATEGY file_copy')
    yield f"{embedded_servers.database_url.rpartition('/')[0]}/{name}"
    _administer(embedded_servers.database_url, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """Yield a connection to the module's database."""
    connection = Database(database_url, application="test")
    yield connection
    connection.close()


def _administer(url: str, statement: str) -> None:
    connection = psycopg2.connect(url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(statement)
    connection.close()
