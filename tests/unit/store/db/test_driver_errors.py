"""The table from the drivers' errors to ours."""

from __future__ import annotations

import asyncpg
import psycopg2
import pytest

from pc_worker.errors import DatabaseFailed, Fenced, PcWorkerError, Unavailable
from pc_worker.store.db.driver_errors import translated


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.ObjectNotInPrerequisiteStateError('database "x" is not currently accepting connections'),
        asyncpg.InsufficientPrivilegeError("permission denied for table rows"),
        asyncpg.UndefinedColumnError("column d.head does not exist"),
        asyncpg.UndefinedTableError("relation does not exist"),
        asyncpg.InvalidPasswordError("password authentication failed"),
        asyncpg.InvalidAuthorizationSpecificationError("role does not exist"),
        asyncpg.InvalidCatalogNameError("database does not exist"),
        asyncpg.TooManyConnectionsError("sorry, too many clients already"),
        asyncpg.ProtocolViolationError("unexpected message"),
        asyncpg.InvalidCachedStatementError("cached statement plan is invalid"),
        asyncpg.ReadOnlySQLTransactionError("cannot execute INSERT in a read-only transaction"),
        asyncpg.IdleInTransactionSessionTimeoutError("terminating connection"),
        asyncpg.DiskFullError("no space left on device"),
        asyncpg.ProgramLimitExceededError("database is not accepting commands to avoid wraparound data loss"),
        asyncpg.LockNotAvailableError("canceling statement due to lock timeout"),
        asyncpg.InterfaceError("connection is closed"),
        asyncpg.InternalClientError("got result for unknown protocol state 3"),
        asyncpg.exceptions.OutdatedSchemaCacheError("cached statement plan is invalid"),
        psycopg2.OperationalError("server closed the connection unexpectedly"),
        psycopg2.InterfaceError("connection already closed"),
        ConnectionResetError("reset"),
        TimeoutError(),
    ],
)
def test_the_state_of_server_and_schema_is_unavailable(error: Exception) -> None:
    found = translated(error)

    assert isinstance(found, Unavailable)
    assert "\n" not in str(found)


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.IndexCorruptedError("could not read block 5"),
        asyncpg.DataError("invalid input for query argument $1"),
        asyncpg.DivisionByZeroError("division by zero\nCONTEXT: SQL function"),
        asyncpg.ProgramLimitExceededError("index row size 2800 exceeds btree version 4 maximum 2704"),
        asyncpg.StatementTooComplexError("stack depth limit exceeded"),
        KeyError("an unexpected error"),
    ],
)
def test_any_other_error_is_a_failure_in_one_sentence(error: Exception) -> None:
    found = translated(error)

    assert isinstance(found, DatabaseFailed)
    assert not isinstance(found, Unavailable)
    assert "\n" not in str(found)


@pytest.mark.parametrize("error", [Fenced("taken over"), PcWorkerError("ours")])
def test_our_own_errors_are_not_translated(error: PcWorkerError) -> None:
    assert translated(error) is error


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (asyncpg.DiskFullError("could not extend file"), "the disk of PostgreSQL is full"),
        (asyncpg.DiskFullError('could not resize shared memory segment "/PostgreSQL.7" to 8 bytes'), "/dev/shm"),
        (asyncpg.OutOfMemoryError("out of memory"), "has no memory left"),
        (asyncpg.TooManyConnectionsError("sorry, too many clients already"), "takes no more connections"),
        (asyncpg.ConfigurationLimitExceededError("temporary file size exceeds"), "a limit of its configuration"),
        (asyncpg.InsufficientResourcesError("?"), "lacks a resource"),
        (asyncpg.QueryCanceledError("canceling statement due to statement timeout"), "ended a statement"),
        (asyncpg.PostgresIOError("could not read block"), "cannot read or write its files"),
        (asyncpg.AdminShutdownError("terminating connection"), "does not answer"),
    ],
)
def test_what_a_server_lacks_that_answers_is_named(error: Exception, says: str) -> None:
    assert says in str(translated(error))
