"""Migrations: the files of ``migrations/``, applied in order, once, under a lock, and recorded with checksums."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from psycopg2 import errors

from pc_worker.errors import ContractBroken, NotServable
from pc_worker.store.db.connection import Cursor, Database, first_line

NAME = re.compile(r"[0-9]{4}_(pre|post)_[a-z0-9_]+\.sql")
LOCK = 0x70637764  # an arbitrary constant: it serialises concurrent runs of `migrate`

CREATE_RECORD = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    name text PRIMARY KEY, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())
"""

#: Our tables, if those that are found are not in the first schema of search_path.
ELSEWHERE = """
SELECT n.nspname, current_schema() FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = to_regclass('log_batches') AND n.nspname <> current_schema()
"""
#: How to set up a schema without tables of others.
OWN_SCHEMA = (
    "CREATE SCHEMA pc_worker, and add ?options=-c%20search_path=pc_worker,public to PC_WORKER_DATABASE_URL (the second "
    "is the schema of pgvector)"
)
ALREADY_THERE = (errors.DuplicateTable, errors.DuplicateObject, errors.DuplicateFunction)


@dataclass(frozen=True, slots=True)
class Migration:
    """One forward-only step; ``checksum`` is the sha256 of its text."""

    name: str
    sql: str
    checksum: str


def read_migrations(folder: Path) -> list[Migration]:
    """Return the migrations of ``folder`` in order.

    Raises:
        ContractBroken: If a file's name is not NNNN_{pre|post}_what.sql.
    """
    paths = sorted(folder.glob("*.sql"))
    for path in paths:
        if not NAME.fullmatch(path.name):
            raise ContractBroken(f"{path.name} is not named NNNN_{{pre|post}}_what.sql")
    texts = [path.read_text(encoding="utf-8") for path in paths]
    return [
        Migration(path.name, text, hashlib.sha256(text.encode()).hexdigest())
        for path, text in zip(paths, texts, strict=True)
    ]


def migrate(database: Database, migrations: Sequence[Migration]) -> list[str]:
    """Apply the missing migrations and return their names; a repeated or concurrent run applies nothing twice.

    Raises:
        ContractBroken: If an applied migration's text has changed since.
        NotServable: If the role may not make the tables, or the schema has tables of another program.
        Unavailable: If PostgreSQL does not answer.
    """

    def work(cursor: Cursor) -> list[str]:
        cursor.execute("SET LOCAL lock_timeout = 0")  # wait for another `migrate` without limit
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        # A change of a table waits for its users, and all later statements wait for the change: fail and retry instead.
        cursor.execute("SET LOCAL lock_timeout = '5s'")
        if not database.names_search_path:
            _check_not_elsewhere(cursor)
        with _in_schema(cursor):
            cursor.execute(CREATE_RECORD)
            applied = _read_applied(cursor)
            return [m.name for m in migrations if _apply(cursor, m, applied)]

    return database.repeat(work)


def pending(database: Database, migrations: Sequence[Migration]) -> list[str]:
    """Return the names of the migrations that this database lacks."""
    with database.transaction() as cursor:
        # Only in the schema where `migrate` would create it: others on the search path may be those of another one.
        cursor.execute("SELECT to_regclass(quote_ident(current_schema()) || '.schema_migrations')")
        if cursor.fetchone() == (None,):
            return [m.name for m in migrations]
        with _in_schema(cursor):
            applied = _read_applied(cursor)
    return [m.name for m in migrations if m.name not in applied]


def _check_not_elsewhere(cursor: Cursor) -> None:
    """Check that a schema that was created later, as one with the user's name, does not hide our tables."""
    cursor.execute(ELSEWHERE)
    for there, first in cursor.fetchall():
        raise NotServable(
            f"the tables are in the schema {there}, and search_path begins with {first}: say which is meant by "
            "?options=-c%20search_path=... in PC_WORKER_DATABASE_URL"
        )


def _read_applied(cursor: Cursor) -> dict[str, str]:
    try:
        cursor.execute("SELECT name, checksum FROM schema_migrations")
    except errors.UndefinedColumn as exc:
        raise errors.DuplicateTable('relation "schema_migrations" has other columns') from exc
    return dict(cursor.fetchall())


@contextmanager
def _in_schema(cursor: Cursor) -> Iterator[None]:
    """Explain the errors of a schema in which this role cannot make our tables, or in which others are."""
    cursor.execute("SELECT quote_ident(current_schema()), quote_ident(current_user)")
    schema, role = cursor.fetchone() or ("", "")
    try:
        yield
    except ALREADY_THERE as exc:
        raise NotServable(
            f"the schema {schema} has tables of another program ({first_line(exc)}): {OWN_SCHEMA}"
        ) from exc
    except errors.InsufficientPrivilege as exc:
        raise NotServable(
            f"the role {role} may not make the tables ({first_line(exc)}): run GRANT CREATE ON SCHEMA {schema} TO "
            f"{role} and once CREATE EXTENSION vector, both as a superuser, or run `migrate` as the owner of the tables"
        ) from exc


def _apply(cursor: Cursor, migration: Migration, applied: dict[str, str]) -> bool:
    known = applied.get(migration.name)
    if known == migration.checksum:
        return False
    if known is not None:
        raise ContractBroken(f"{migration.name} was changed after it was applied: write a new one instead")
    cursor.execute(migration.sql)
    record = "INSERT INTO schema_migrations (name, checksum) VALUES (%s, %s)"
    cursor.execute(record, (migration.name, migration.checksum))
    return True
