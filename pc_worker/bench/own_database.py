"""A migrated PostgreSQL of a benchmark's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pc_worker.bench.own_folder import own_folder
from pc_worker.embedded import start_servers
from pc_worker.store.db.connection import Database
from pc_worker.store.db.migrations import migrate, read_migrations
from pc_worker.wiring import MIGRATIONS


@contextmanager
def own_database() -> Iterator[str]:
    """Yield the URL of a PostgreSQL that runs, without Redis, until the block ends."""
    with own_folder() as folder:
        servers = start_servers(folder / "home", need_redis=False)
        try:
            database = Database(servers.database_url, application="bench")
            migrate(database, read_migrations(MIGRATIONS))
            database.close()
            yield servers.database_url
        finally:
            servers.stop()
