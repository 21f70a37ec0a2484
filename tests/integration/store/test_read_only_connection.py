"""A read-only connection outlives a restart of the server: the next reader notices nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pc_worker.errors import Unavailable
from pc_worker.store.db.connection import Cursor, Database
from tests.support.waiting import eventually

PID = "SELECT pg_backend_pid()"


def _pid(cursor: Cursor) -> int:
    cursor.execute(PID)
    (pid,) = cursor.fetchone() or (0,)
    return int(pid)


def _end(database: Database, pid: int) -> None:
    database.repeat(lambda cursor: cursor.execute("SELECT pg_terminate_backend(%s)", (pid,)))

    def is_gone(cursor: Cursor) -> bool:
        cursor.execute("SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = %s)", (pid,))
        return cursor.fetchone() == (True,)

    eventually(lambda: database.repeat(is_gone), what="the end of the session")


@pytest.fixture
def reader(database_url: str) -> Callable[[bool], Database]:
    return lambda read_only: Database(database_url, read_only=read_only)


def test_a_reader_whose_session_was_ended_reads_on(database: Database, reader: Callable[[bool], Database]) -> None:
    reading = reader(True)
    before = reading.repeat(_pid)
    assert reading.repeat(_pid) == before, "as long as it lives, the session is used again"
    _end(database, before)

    assert reading.repeat(_pid) != before

    reading.close()


def test_a_writer_whose_session_was_ended_hears_of_it(database: Database, reader: Callable[[bool], Database]) -> None:
    writing = reader(False)
    _end(database, writing.repeat(_pid))

    with pytest.raises(Unavailable):  # its locks are lost
        writing.repeat(_pid)

    writing.close()
