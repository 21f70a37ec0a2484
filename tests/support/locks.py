"""See from outside that a statement waits for a lock."""

from __future__ import annotations

from contextlib import closing

import psycopg2

from pc_worker.store.db.connection import Database
from tests.support.waiting import eventually

WAITS = """
SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'
               AND wait_event_type = 'Lock')
"""
OF_APPLICATION = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND application_name LIKE %s AND wait_event_type = 'Lock'
"""


def waits_for_lock(database_url: str, application: str) -> bool:
    """Return whether a statement waits for another transaction; the application is a pattern of LIKE."""
    with closing(psycopg2.connect(database_url)) as watcher, watcher.cursor() as cursor:
        cursor.execute(OF_APPLICATION, (application,))
        return cursor.fetchone() != (0,)


def wait_for_waiting_statement(database_url: str) -> None:
    """Wait until a statement in this database waits for another transaction."""
    with closing(Database(database_url, application="watcher")) as watcher:

        def waits() -> bool:
            with watcher.transaction() as cursor:
                cursor.execute(WAITS)
                return cursor.fetchone() == (True,)

        eventually(waits, what="a statement that waits for a lock")
