"""One psycopg2 connection, opened at first use and again after a failure; the driver's errors are translated here."""

from __future__ import annotations

import select
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import Any, TypeVar
from uuid import UUID

import psycopg2
import psycopg2.errors
import psycopg2.extensions

from pc_worker.errors import (
    Conflict,
    ContractBroken,
    DatabaseFailed,
    NotServable,
    PcWorkerError,
    ReadOnlyServer,
    Unavailable,
)
from pc_worker.invisible_characters import UNSTORABLE
from pc_worker.retry import RetryPolicy
from pc_worker.store.db import server_states
from pc_worker.store.db.running_statements import watch
from pc_worker.store.db.server_states import server_state, sqlstate
from pc_worker.store.db.session import (
    SET_SETTINGS,
    STATE,
    WRITE_OUT_SEARCH_PATH,
    DatabaseState,
    session_settings,
)
from pc_worker.urls import DatabaseServer, is_loopback_host, read_database_url

Cursor = psycopg2.extensions.cursor
T = TypeVar("T")

KEEPALIVE: dict[str, Any] = {
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,  # ms
}

#: Conflicts with other transactions: the transaction is to be run again.
RETRYABLE = (
    psycopg2.errors.DeadlockDetected,
    psycopg2.errors.SerializationFailure,
    psycopg2.errors.LockNotAvailable,
)
#: Pauses before a transaction runs again after a conflict; random, so that the same writers do not conflict again.
CONFLICT_RETRIES = RetryPolicy(attempts=5, first_s=0.02, jitter_s=0.1, longest_s=0.8)
#: The server cannot be reached, or cannot serve now: full, starting, stopping, out of connections.
AWAY = (
    psycopg2.OperationalError,
    psycopg2.InterfaceError,
    psycopg2.errors.AdminShutdown,
    psycopg2.errors.CrashShutdown,
    psycopg2.errors.CannotConnectNow,
)
#: The class of SQLSTATE for a value or statement that is too large, as for an index, to be stored or run at all.
BEYOND_LIMITS = "54"
#: In the text of the one error of that class that is of the server: no transaction ids are left until it is vacuumed.
WRAPAROUND = "wraparound"
#: The check of a table that no row of a domain is written to it, while the domain gets partitions of its own.
HELD_BACK = "partition_not_yet"
#: The schema, or the role's rights in it, are not as `migrate` leaves them.
UNFIT_SCHEMA = {
    psycopg2.errors.UndefinedTable: "the tables do not exist, run `migrate`",
    psycopg2.errors.UndefinedColumn: "the tables are those of another version, run `migrate`",
    psycopg2.errors.InsufficientPrivilege: "the role in PC_WORKER_DATABASE_URL lacks a right, grant it",
}


class Database:
    """A connection to PostgreSQL, opened at first use. Each process or thread has its own.

    Args:
        url: ``postgresql://…``.
        application: Shown in ``pg_stat_activity``.
        read_only: Every transaction is read-only; one that begins after the server has restarted does not fail: nothing
            depends on the session.
    """

    def __init__(self, url: str, *, application: str = "pc_worker", read_only: bool = False) -> None:
        self._url, self._application, self._read_only = url, application, read_only
        self._connection: psycopg2.extensions.connection | None = None

    @property
    def connection(self) -> psycopg2.extensions.connection:
        """The open connection.

        Raises:
            Unavailable: If the server does not answer.
        """
        if self._read_only and self._connection is not None and _is_ended(self._connection):
            self.close()
        if self._connection is None or self._connection.closed:
            self._connection = self._open()
        return self._connection

    @property
    def names_search_path(self) -> bool:
        """Whether the URL itself says in which schema the tables are."""
        return "search_path" in read_database_url(self._url).session

    @cached_property
    def is_on_this_machine(self) -> bool:
        """Whether the URL's host is this machine: a loopback address, or a socket."""
        hosts = read_database_url(self._url).hosts
        return all(host.startswith("/") or is_loopback_host(host) for host, _ in hosts)

    def _open(self) -> psycopg2.extensions.connection:
        server = read_database_url(self._url)
        connection, _ = open_session(server, self._application)
        try:
            connection.set_session(readonly=self._read_only, autocommit=False)
        except AWAY as exc:
            raise unavailable(exc) from exc
        return connection

    @contextmanager
    def transaction(self) -> Iterator[Cursor]:
        """Run the block in one transaction: commit at the end, roll back on any error.

        Raises:
            Unavailable: If the connection was lost; whether a commit took place is then unknown. Also if the domain is
                being partitioned.
            Conflict: If the transaction is to be run again.
            ReadOnlyServer: If the server accepts no writes.
            ContractBroken: If the tables do not exist, are of another version, or are not open to this role.
            DatabaseFailed: If a value or the statement is beyond a limit of the server; it would be so again.
        """
        connection = self.connection
        try:
            with connection.cursor() as cursor:
                yield cursor
            connection.commit()
        except RETRYABLE as exc:
            self._undo()
            raise Conflict(first_line(exc)) from exc
        except psycopg2.errors.ReadOnlySqlTransaction as exc:
            self.close()  # the next session reads the server's state again
            if self._read_only:
                raise
            raise ReadOnlyServer(f"PostgreSQL takes no writes: {first_line(exc)}") from exc
        except tuple(UNFIT_SCHEMA) as exc:
            self._undo()
            raise ContractBroken(f"{UNFIT_SCHEMA[type(exc)]}: {first_line(exc)}") from exc
        except psycopg2.errors.CheckViolation as exc:
            self._undo()
            if exc.diag.constraint_name == HELD_BACK:
                raise Unavailable("the domain is being partitioned: it is written again after that") from exc
            raise
        except AWAY as exc:
            raise self._away(exc) from exc
        except BaseException:
            self._undo()
            raise

    def _away(self, exc: psycopg2.Error) -> PcWorkerError:
        """End the transaction; return our error for one that the driver takes for a server that is away."""
        if is_beyond_limits(exc):
            self._undo()
            return DatabaseFailed(f"this is beyond a limit of PostgreSQL: {first_line(exc)}")
        self.close()
        return unavailable(exc)

    def _undo(self) -> None:
        if self._connection is not None and not self._connection.closed:
            try:
                self._connection.rollback()
            except psycopg2.Error:
                self.close()

    def repeat(self, work: Callable[[Cursor], T]) -> T:
        """Run ``work`` in a transaction; after a conflict, run it again after a short random pause.

        Raises:
            Conflict: After five runs.
        """

        def once() -> T:
            with self.transaction() as cursor:
                return work(cursor)

        return CONFLICT_RETRIES.call(once, on=lambda exc: type(exc) is Conflict)

    def close(self) -> None:
        """Close the connection; the next use opens a new one."""
        if self._connection is not None:
            with suppress(psycopg2.Error):
                self._connection.close()
            self._connection = None


def _is_ended(connection: psycopg2.extensions.connection) -> bool:
    """Return whether the server has ended an unused connection: only then has it sent anything."""
    if connection.closed or connection.status != psycopg2.extensions.STATUS_READY:
        return False
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(0))


def open_session(server: DatabaseServer, application: str) -> tuple[psycopg2.extensions.connection, DatabaseState]:
    """Open a session in autocommit mode, apply our settings, and return it with the state of its server.

    Raises:
        Unavailable: If the server does not answer, or accepts no writes.
        NotServable: If the pipeline cannot work with the server or the database.
    """
    try:
        connection = psycopg2.connect(**server.for_psycopg2(), application_name=application, **KEEPALIVE)
    except AWAY as exc:
        raise unavailable(exc) from exc
    watch(connection)
    try:
        state = _set_up(connection, server)
        state.check()
    except BaseException:
        connection.close()
        raise
    return connection, state


def _set_up(connection: psycopg2.extensions.connection, server: DatabaseServer) -> DatabaseState:
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            settings = session_settings({}, server.session)
            cursor.execute(f"{SET_SETTINGS.format('%s', '%s')}; {WRITE_OUT_SEARCH_PATH}; {STATE}", settings)
            return DatabaseState(*(cursor.fetchone() or ()))
    except AWAY as exc:
        raise unavailable(exc) from exc
    except psycopg2.Error as exc:
        raise NotServable(
            f"the session cannot be set up as PC_WORKER_DATABASE_URL wants it: {first_line(exc)}"
        ) from exc


def unavailable(error: psycopg2.Error) -> Unavailable:
    """Return our error for one of ``AWAY``: it says what the server lacks, if it answers."""
    return Unavailable(f"{server_state(error) or server_states.AWAY}: {first_line(error)}")


def is_beyond_limits(error: BaseException) -> bool:
    """Return whether an error of either driver is of a value or statement that is too large, not of the server."""
    return (sqlstate(error) or "").startswith(BEYOND_LIMITS) and WRAPAROUND not in str(error)


def first_line(exc: BaseException) -> str:
    """Return the first line of an error's text; the driver adds details and positions below it."""
    return (str(exc).strip() or type(exc).__name__).splitlines()[0]


def uuid_array(ids: Collection[UUID]) -> str:
    """Return UUIDs as one array literal, which the driver passes on without inspecting each."""
    return array_literal(ids)


def array_literal(values: Collection[UUID] | Collection[str] | Collection[int]) -> str:
    """Return UUIDs, also as text, or integers as one array literal; texts of any other kind would need quotes."""
    return f"{{{','.join(map(str, values))}}}"


def is_storable(text: str) -> bool:
    """Return whether PostgreSQL can store ``text``: it accepts neither NUL nor lone surrogates."""
    return UNSTORABLE.search(text) is None
