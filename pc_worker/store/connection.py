"""One psycopg2 connection, opened when first needed and anew after it broke; the driver's errors end here."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import psycopg2
import psycopg2.errors
import psycopg2.extensions

from pc_worker.errors import Conflict, ContractBroken, Unavailable

Cursor = psycopg2.extensions.cursor
T = TypeVar("T")

#: A lock that is not had in 20 s is somebody's fault; a transaction left open for 60 s is nobody's.
GUARDS = "-c lock_timeout=20000 -c idle_in_transaction_session_timeout=60000"
KEEPALIVE: dict[str, Any] = {
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,  # ms
}

#: What a transaction may meet through no fault of its own: run it again, at once or nearly.
RETRYABLE = (
    psycopg2.errors.DeadlockDetected,
    psycopg2.errors.SerializationFailure,
    psycopg2.errors.LockNotAvailable,
)
#: The server is there but cannot serve now: full, starting, stopping, out of connections.
AWAY = (
    psycopg2.OperationalError,
    psycopg2.InterfaceError,
    psycopg2.errors.AdminShutdown,
    psycopg2.errors.CrashShutdown,
    psycopg2.errors.CannotConnectNow,
)


class Database:
    """A lazily opened connection to PostgreSQL; one a process or thread, never shared.

    Args:
        url: ``postgresql://…``.
        application: Shown in ``pg_stat_activity``.
        read_only: Every transaction is read-only and runs as the role that can only read.
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
        if self._connection is None or self._connection.closed:
            self._connection = self._open()
        return self._connection

    def _open(self) -> psycopg2.extensions.connection:
        try:
            connection: psycopg2.extensions.connection = psycopg2.connect(
                self._url, connect_timeout=5, application_name=self._application, options=GUARDS, **KEEPALIVE
            )
        except psycopg2.OperationalError as exc:
            raise Unavailable(f"PostgreSQL does not answer: {first_line(exc)}") from exc
        if self._read_only:
            connection.set_session(readonly=True)
        return connection

    @contextmanager
    def transaction(self) -> Iterator[Cursor]:
        """Run one transaction: commits at the end, rolls back on any error.

        Raises:
            Unavailable: If the server went away; whether a commit took place is then unknown.
            Conflict: If the server asks for the transaction to be run again.
        """
        connection = self.connection
        try:
            with connection.cursor() as cursor:
                yield cursor
            connection.commit()
        except RETRYABLE as exc:
            self._undo()
            raise Conflict(first_line(exc)) from exc
        except psycopg2.errors.UndefinedTable as exc:
            self._undo()
            raise ContractBroken(f"the schema is not there, run `migrate`: {first_line(exc)}") from exc
        except AWAY as exc:
            self.close()
            raise Unavailable(f"PostgreSQL does not answer: {first_line(exc)}") from exc
        except BaseException:
            self._undo()
            raise

    def _undo(self) -> None:
        if self._connection is not None and not self._connection.closed:
            try:
                self._connection.rollback()
            except psycopg2.Error:
                self.close()

    def repeat(self, work: Callable[[Cursor], T], *, attempts: int = 5) -> T:
        """Run ``work`` in a transaction; again, after a short random pause, when the server asks for it.

        Raises:
            Conflict: After ``attempts`` runs.
        """
        for attempt in range(1, attempts + 1):
            try:
                with self.transaction() as cursor:
                    return work(cursor)
            except Conflict as exc:
                if attempt == attempts or type(exc) is not Conflict:
                    raise
                time.sleep(random.uniform(0, 0.05 * 2**attempt))  # noqa: S311 - jitter, no secret
        raise AssertionError("unreachable")

    def close(self) -> None:
        """Close the connection; the next use opens a new one."""
        if self._connection is not None:
            with suppress(psycopg2.Error):
                self._connection.close()
            self._connection = None


def first_line(exc: BaseException) -> str:
    """Give the first line of an error's text: the driver adds details and positions below it."""
    return (str(exc).strip() or type(exc).__name__).splitlines()[0]
