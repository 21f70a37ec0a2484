"""Two installations in schemas of one database do not exclude each other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from pc_worker.store.db.connection import Database
from pc_worker.store.ledger import jobs, leases
from pc_worker.store.log import push_state
from pc_worker.store.search.index.build import maintenance


@pytest.fixture
def elsewhere(database: Database, database_url: str) -> Iterator[str]:
    """Yield the URL of the same database with another schema."""
    with database.transaction() as cursor:
        cursor.execute("CREATE SCHEMA other")
    yield f"{database_url}?options=-c%20search_path=other,public"
    with database.transaction() as cursor:
        cursor.execute("DROP SCHEMA other")


def test_indexes_are_built_in_two_schemas_at_once_and_once_in_each(
    database: Database, database_url: str, elsewhere: str
) -> None:
    with closing(Database(database_url)) as same, closing(Database(elsewhere)) as other, maintenance(database) as first:
        assert first is not None
        with maintenance(same) as second:
            assert second is None
        with maintenance(other) as third:
            assert third is not None


def test_equal_job_ids_are_different_jobs(database: Database, elsewhere: str) -> None:
    with closing(Database(elsewhere)) as other:
        with database.transaction() as cursor:
            assert jobs.lock_split(cursor, "job")
        with other.transaction() as cursor:
            assert jobs.lock_split(cursor, "job")


@pytest.mark.parametrize(("key", "values"), [(leases.LOCK_KEY, ("j", "1", "1")), (push_state.LOCK_KEY, ("d", "a:1"))])
def test_a_key_in_the_schema_public_is_that_of_earlier_versions(
    database: Database, elsewhere: str, key: str, values: tuple[str, ...]
) -> None:
    name = ":".join(values) if len(values) == 3 else f"push:{':'.join(values)}"
    with closing(Database(elsewhere)) as other:
        with database.transaction() as cursor:
            cursor.execute(f"SELECT {key} = hashtextextended(%s, 0)", (*values, name))
            assert cursor.fetchone() == (True,)
        with other.transaction() as cursor:
            cursor.execute(f"SELECT {key} = hashtextextended(%s, 0)", (*values, name))
            assert cursor.fetchone() == (False,)
