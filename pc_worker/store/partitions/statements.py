"""Run schema changes that must not make others wait: with short locks, again and again until they are free."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg2

from pc_worker.retry import RetryPolicy
from pc_worker.store.db.connection import RETRYABLE, Cursor

#: Less than PostgreSQL's deadlock_timeout: in a deadlock this statement gives up, not the other.
LOCK_MS = 800
#: Pauses between attempts; every lock is free within minutes.
ATTEMPTS = RetryPolicy(attempts=200, first_s=0.2, jitter_s=0.5, longest_s=3.0)


def run_briefly(cursor: Cursor, statements: Sequence[str]) -> None:
    """Run statements in one transaction, on a connection outside of one; repeat it while a lock is not free.

    Raises:
        LockNotAvailable: If a lock is not free for minutes.
    """
    text = f"BEGIN; SET LOCAL lock_timeout = '{LOCK_MS}ms'; {'; '.join(statements)}; COMMIT"

    def once() -> None:
        try:
            cursor.execute(text)
        except psycopg2.Error:
            if not cursor.connection.closed:
                cursor.execute("ROLLBACK")
            raise

    ATTEMPTS.call(once, on=lambda exc: isinstance(exc, RETRYABLE))


def run_when_free(cursor: Cursor, statement: str) -> None:
    """Run a statement that takes long and does not block readers and writers; repeat it while a lock is not free.

    Raises:
        LockNotAvailable: If a lock is not free for an hour.
    """
    ATTEMPTS.call(lambda: cursor.execute(statement), on=lambda exc: isinstance(exc, RETRYABLE))
