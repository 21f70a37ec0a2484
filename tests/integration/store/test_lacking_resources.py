"""A server that lacks a resource answers: the error names what it lacks, wherever it is raised."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from pc_worker.errors import Unavailable
from pc_worker.store.db.connection import Database
from pc_worker.store.search.index.build import maintenance

LACKING = {
    "53100": "the disk of PostgreSQL is full, free some space there",
    "53200": "PostgreSQL has no memory left",
    "53300": "PostgreSQL takes no more connections, try again later",
    "53400": "PostgreSQL has reached a limit of its configuration",
    "53000": "PostgreSQL lacks a resource",
    "58030": "PostgreSQL cannot read or write its files",
}
RAISE = "DO $$ BEGIN RAISE EXCEPTION 'it failed' USING ERRCODE = '{}', HINT = 'Check it.'; END $$"


@pytest.mark.parametrize("begin", [Database.transaction, maintenance], ids=["transaction", "maintenance"])
@pytest.mark.parametrize("state", LACKING)
def test_what_is_lacking_is_named_in_one_line(
    database: Database, state: str, begin: Callable[[Database], AbstractContextManager[object]]
) -> None:
    with pytest.raises(Unavailable) as raised, begin(database) as cursor:
        cursor.execute(RAISE.format(state))  # type: ignore[attr-defined]  # either is a cursor

    assert str(raised.value) == f"{LACKING[state]}: it failed"


def test_a_statement_whose_time_is_over_is_no_server_that_is_away(database: Database) -> None:
    with (
        pytest.raises(Unavailable, match="ended a statement before its end: canceling"),
        database.transaction() as cursor,
    ):
        cursor.execute("SET LOCAL statement_timeout = 1; SELECT pg_sleep(60)")


def test_temporary_files_beyond_the_configured_limit_are_named(database: Database) -> None:
    with pytest.raises(Unavailable, match="a limit of its configuration: temporary file size"):
        _sort_much(database)


def _sort_much(database: Database) -> None:
    with database.transaction() as cursor:
        cursor.execute("SET LOCAL temp_file_limit = '64kB'; SET LOCAL work_mem = '64kB'")
        cursor.execute("SELECT count(*) FROM (SELECT n FROM generate_series(1, 100000) AS n ORDER BY -n OFFSET 0) AS s")
