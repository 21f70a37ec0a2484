"""Checks of PostgreSQL at the start of a component, in addition to those of each session."""

from __future__ import annotations

import re

import psycopg2.extensions

from pc_worker.errors import NotServable
from pc_worker.store.db.connection import AWAY, open_session, unavailable
from pc_worker.urls import DatabaseServer, read_database_url

#: Before it, VACUUM could damage HNSW indexes, and CVE-2026-3172 was open.
OLDEST_VECTOR = (0, 8, 4)
APPLICATION = "pc_worker start"

VECTOR = """
SELECT a.default_version, e.extversion, e.extversion IS NULL OR to_regtype('vector') IS NOT NULL
FROM pg_available_extensions a LEFT JOIN pg_extension e ON e.extname = a.name WHERE a.name = 'vector'
"""
PID = "SELECT pg_backend_pid()"


def check_database(url: str) -> tuple[str, str]:
    """Check everything that the pipeline needs of its database; return the versions of PostgreSQL and pgvector.

    Raises:
        Unavailable: If it does not answer; ReadOnlyServer if it accepts no writes.
        NotServable: If an operator must fix it.
    """
    version = check_postgres(url)
    vector = check_vector(url)
    check_sessions(url)
    return version, vector


def check_postgres(url: str) -> str:
    """Check version, encoding, schema and whether the server accepts writes; return its version."""
    connection, state = open_session(read_database_url(url), APPLICATION)
    connection.close()
    return state.version


def check_vector(url: str) -> str:
    """Check pgvector's version, on the server and in the database; return it."""
    connection, _ = open_session(read_database_url(url), APPLICATION)
    try:
        with connection.cursor() as cursor:
            cursor.execute(VECTOR)
            offered, installed, found = cursor.fetchone() or (None, None, True)
    except AWAY as exc:
        raise unavailable(exc) from exc
    finally:
        connection.close()
    return usable_vector(offered, installed, found=found)


def usable_vector(offered: str | None, installed: str | None, *, found: bool) -> str:
    """Return the version of pgvector in use, given the server's and the database's version.

    Raises:
        NotServable: If one is too old, missing, or not on the search path.
    """
    oldest = ".".join(map(str, OLDEST_VECTOR))
    if offered is None:
        raise NotServable(f"the PostgreSQL server has no pgvector: install {oldest} or newer there")
    if _numbers(offered) < OLDEST_VECTOR:
        raise NotServable(
            f"the PostgreSQL server has pgvector {offered}, in which VACUUM can damage indexes or worse: install "
            f"{oldest} or newer there, then run ALTER EXTENSION vector UPDATE"
        )
    if installed is not None and _numbers(installed) < OLDEST_VECTOR:
        raise NotServable(f"the database is at pgvector {installed}: run ALTER EXTENSION vector UPDATE in it")
    if not found:
        raise NotServable("pgvector is in a schema that search_path does not name: add it in PC_WORKER_DATABASE_URL")
    return installed or offered


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])


def check_sessions(url: str) -> str:
    """Check that a session keeps its server process, which session locks, LISTEN and session settings need.

    Raises:
        NotServable: If a pooler assigns server processes per transaction.
    """
    if not keeps_sessions(read_database_url(url)):
        raise NotServable(
            "PostgreSQL is behind a pooler in transaction mode, and the pipeline needs sessions (locks, LISTEN): name "
            "the server itself in PC_WORKER_DATABASE_URL, or set the pooler to session mode"
        )
    return "kept"


def keeps_sessions(server: DatabaseServer) -> bool:
    """Return whether two open sessions have different server processes, and keep them between transactions."""
    first, _ = open_session(server, APPLICATION)
    try:
        before = _pid(first)
        second, _ = open_session(server, APPLICATION)
        try:
            if _pid(second) == before:
                return False
            second.autocommit = False  # from here on it keeps its process
            return _pid(second) != before and _pid(first) == before
        finally:
            second.close()
    except AWAY as exc:
        raise unavailable(exc) from exc
    finally:
        first.close()


def _pid(connection: psycopg2.extensions.connection) -> int:
    with connection.cursor() as cursor:
        cursor.execute(PID)
        (pid,) = cursor.fetchone() or (0,)
    return int(pid)
