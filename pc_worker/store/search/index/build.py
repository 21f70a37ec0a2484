"""Build and drop vector indexes while the domain is read and written: CONCURRENTLY, so outside transactions."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg2
import psycopg2.errors
from psycopg2 import sql

from pc_worker.store.db.advisory_locks import lock_key
from pc_worker.store.db.connection import AWAY, Cursor, Database, unavailable
from pc_worker.store.db.leaves import OF_INDEX, domain_leaves
from pc_worker.store.db.server_states import lacks_shared_memory
from pc_worker.store.search.index.catalog import PREFIX, IndexState
from pc_worker.store.search.scope import Method
from pc_worker.store.search.vector_form import VectorForm

#: Links per node; the default, suitable for the dimensions of text models.
HNSW_M = 16
EF_CONSTRUCTION = 64
PAGE, PAGE_ROOM = 8192, 8168
#: Bytes of a node besides its vector: headers and 2 m references of 6 bytes on disk; while building, a reference has 16
#: bytes and the node a lock and places for ten rows. Measured with pgvector 0.8.
NODE_ON_DISK, NODE_IN_MEMORY = 290, 720
#: Of `maintenance_work_mem`, parallel builds leave this much to other shared objects.
SHARED_RESERVE = 4 << 20

LOCK = lock_key("'vector indexes'")
CREATE = """
CREATE INDEX CONCURRENTLY {name} ON {table} USING {method} (({vector}) {operators}) WITH ({options})
WHERE domain = {domain} AND model_id = {model_id}
"""
PRESENT = f"""
SELECT c.relname FROM pg_class c WHERE c.relkind = 'i' AND pg_table_is_visible(c.oid)
AND {OF_INDEX.format(relname="c.relname", index="%(name)s::text")} ORDER BY c.relname
"""


@dataclass(frozen=True, slots=True)
class IndexSpec:
    """The index to build: method, form of the vectors, the number of lists for ivfflat, and why this one."""

    method: Method
    form: VectorForm
    lists: int | None = None
    why: str = ""


def hnsw_bytes(vectors: int, form: VectorForm) -> int:
    """Estimate the bytes of an hnsw index on disk, which searches read: as many whole nodes as fit into each page."""
    nodes = max(1, PAGE_ROOM // (form.bytes + NODE_ON_DISK))
    return vectors * PAGE // nodes


def hnsw_build_bytes(vectors: int, form: VectorForm) -> int:
    """Estimate the memory, in bytes, for building an hnsw graph.

    Without enough of it, pgvector inserts the remaining vectors one by one into pages, which takes ten times as long.
    """
    return int(1.05 * vectors * (form.bytes + NODE_IN_MEMORY)) + SHARED_RESERVE


@contextmanager
def maintenance(database: Database) -> Iterator[Cursor | None]:
    """Yield a cursor outside transactions that holds the lock of index maintenance; None if another process holds it.

    Raises:
        Unavailable: If PostgreSQL does not answer.
    """
    connection = database.connection
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT pg_try_advisory_lock({LOCK})")
            alone = cursor.fetchone() == (True,)
            # A concurrent build waits for every older transaction, without limit.
            cursor.execute("SET lock_timeout = 0")
            yield cursor if alone else None
    except AWAY as exc:
        raise unavailable(exc) from exc
    finally:
        database.close()  # the lock and the settings end with the session


def build_index(cursor: Cursor, state: IndexState, spec: IndexSpec, *, memory_bytes: int) -> str:
    """Build an index next to the present one and return its name; searches use it once it is recorded.

    In partitions, each part gets its own index, named NAME_1, NAME_2 …
    """
    name = f"{PREFIX}{state.model_id}_{secrets.token_hex(6)}"
    tables = domain_leaves(cursor, "embeddings", state.domain)
    needed = hnsw_build_bytes(state.vectors // len(tables), spec.form)
    cursor.execute(f"SET maintenance_work_mem = '{max(64, min(needed, memory_bytes) >> 20)}MB'")
    for number, table in enumerate(tables, start=1):
        _build(cursor, name if len(tables) == 1 else f"{name}_{number}", table, state, spec)
    return name


def _build(cursor: Cursor, name: str, table: str, state: IndexState, spec: IndexSpec) -> None:
    create_index(cursor, _statement(name, table, state, spec), drop=lambda: drop_index(cursor, name))


def create_index(cursor: Cursor, statement: str | sql.Composed, *, drop: Callable[[], object]) -> None:
    """Run a CREATE INDEX CONCURRENTLY; one that lacks shared memory is dropped and runs again in one process.

    Where a disk is full, what was built is dropped: it takes the space that is needed.
    """
    try:
        cursor.execute(statement)
    except psycopg2.errors.DiskFull as exc:
        drop()
        if not lacks_shared_memory(exc):
            raise
        # A parallel build needs shared memory, which is small in containers.
        cursor.execute("SET max_parallel_maintenance_workers = 0")
        try:
            cursor.execute(statement)
        except psycopg2.errors.DiskFull:
            drop()
            raise


def _statement(name: str, table: str, state: IndexState, spec: IndexSpec) -> sql.Composed:
    options = f"m = {HNSW_M}, ef_construction = {EF_CONSTRUCTION}" if spec.lists is None else f"lists = {spec.lists}"
    return sql.SQL(CREATE).format(
        name=sql.Identifier(name),
        table=sql.Identifier(table),
        method=sql.SQL(spec.method),
        vector=sql.SQL(spec.form.expression("vector")),
        operators=sql.SQL(spec.form.operators),
        options=sql.SQL(options),
        domain=sql.Literal(state.domain),
        model_id=sql.Literal(state.model_id),
    )


def drop_index(cursor: Cursor, name: str) -> None:
    """Drop a vector index, with those of all parts, without blocking readers or writers."""
    cursor.execute(PRESENT, {"name": name})
    for (present,) in cursor.fetchall():
        cursor.execute(sql.SQL("DROP INDEX CONCURRENTLY IF EXISTS {}").format(sql.Identifier(present)))
