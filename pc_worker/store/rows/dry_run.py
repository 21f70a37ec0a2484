"""Writes rows as if, to learn what that takes: into temporary tables of the same make, which are rolled back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pc_worker.store.db.connection import Cursor, Database

TABLES = ("identities", "rows", "embeddings", "row_terms", "log", "log_batches")
# A temporary table hides the real one of its name: what the session writes from here on goes there.
SHADOW = "CREATE TEMP TABLE {table} (LIKE {table} INCLUDING ALL) ON COMMIT DROP"
SHADOW_DOMAIN = "CREATE TEMP TABLE domains ON COMMIT DROP AS SELECT * FROM domains WHERE domain = %s"
SIZES = "SELECT sum(pg_total_relation_size('pg_temp.' || name)) FROM unnest(%s) AS t (name)"


@contextmanager
def dry_run_tables(database: Database, domain: str) -> Iterator[Cursor]:
    """Run the block in a transaction that writes into copies of the tables, empty ones, and is rolled back."""
    with database.transaction() as cursor:
        for table in TABLES:
            cursor.execute(SHADOW.format(table=table))
        cursor.execute(SHADOW_DOMAIN, (domain,))
        try:
            yield cursor
        finally:
            cursor.connection.rollback()


def dry_run_bytes(cursor: Cursor) -> int:
    """Give the bytes of the copies with their indexes."""
    cursor.execute(SIZES, (list(TABLES),))
    (size,) = cursor.fetchone() or (0,)
    return int(size)
