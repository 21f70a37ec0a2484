"""Builds and drops vector indexes while the domain is read and written: CONCURRENTLY, so outside transactions."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg2
import psycopg2.errors
from psycopg2 import sql

from pc_worker.errors import Unavailable
from pc_worker.store.db.connection import AWAY, Cursor, Database, first_line
from pc_worker.store.search.index.catalog import PREFIX, IndexState, vector_type
from pc_worker.store.search.scope import Method

#: Links a node has; the default, good for the dimensions of text models.
HNSW_M = 16
EF_CONSTRUCTION = 64

LOCK = "hashtextextended('vector indexes', 0)"
CREATE = """
CREATE INDEX CONCURRENTLY {name} ON embeddings USING {method} ((vector::{type}) {operators}) WITH ({options})
WHERE domain = {domain} AND model_id = {model_id}
"""


@dataclass(frozen=True, slots=True)
class IndexSpec:
    """What to build; ``lists`` of ivfflat."""

    method: Method
    half: bool
    lists: int | None = None


def hnsw_bytes(vectors: int, dimension: int, *, half: bool) -> int:
    """Estimate the memory in which an hnsw graph is built: beyond it a build slows down to the disk's pace."""
    return int(1.2 * vectors * ((2 if half else 4) * dimension + 8 * HNSW_M * 2 + 100))


@contextmanager
def maintenance(database: Database) -> Iterator[Cursor | None]:
    """Give a cursor outside transactions, alone among all who maintain indexes; None if another is at it.

    Raises:
        Unavailable: If PostgreSQL does not answer.
    """
    connection = database.connection
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT pg_try_advisory_lock({LOCK})")
            alone = cursor.fetchone() == (True,)
            # A concurrent build waits for every older transaction: as long as those take.
            cursor.execute("SET lock_timeout = 0")
            yield cursor if alone else None
    except AWAY as exc:
        raise Unavailable(f"PostgreSQL does not answer: {first_line(exc)}") from exc
    finally:
        database.close()  # the lock and the settings go with the session


def build_index(cursor: Cursor, state: IndexState, plan: IndexSpec, *, memory_bytes: int) -> str:
    """Build an index beside what there is and give its name; it is not searched until it is recorded."""
    name = f"{PREFIX}{state.model_id}_{secrets.token_hex(6)}"
    needed = hnsw_bytes(state.vectors, state.dimension, half=plan.half)
    cursor.execute(f"SET maintenance_work_mem = '{max(64, min(needed, memory_bytes) >> 20)}MB'")
    statement = _statement(name, state, plan)
    try:
        cursor.execute(statement)
    except psycopg2.errors.DiskFull:  # of shared memory, which a parallel build takes: small in containers
        drop_index(cursor, name)
        cursor.execute("SET max_parallel_maintenance_workers = 0")
        cursor.execute(statement)
    return name


def _statement(name: str, state: IndexState, plan: IndexSpec) -> sql.Composed:
    options = f"m = {HNSW_M}, ef_construction = {EF_CONSTRUCTION}" if plan.lists is None else f"lists = {plan.lists}"
    return sql.SQL(CREATE).format(
        name=sql.Identifier(name),
        method=sql.SQL(plan.method),
        type=sql.SQL(vector_type(state.dimension, half=plan.half)),
        operators=sql.SQL("halfvec_cosine_ops" if plan.half else "vector_cosine_ops"),
        options=sql.SQL(options),
        domain=sql.Literal(state.domain),
        model_id=sql.Literal(state.model_id),
    )


def drop_index(cursor: Cursor, name: str) -> None:
    """Drop an index of ours without stopping anyone."""
    cursor.execute(sql.SQL("DROP INDEX CONCURRENTLY IF EXISTS {}").format(sql.Identifier(name)))
