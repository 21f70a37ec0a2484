"""A domain that the statistics do not know is read by row all the same, once its log has grown a little."""

from __future__ import annotations

from typing import Any

from pc_worker.model import Job
from pc_worker.store.db import planner_statistics
from pc_worker.store.db.connection import Database
from pc_worker.store.rows import merge
from tests.integration.store.rows import make_job, row, write
from tests.support.events import logged_events

ROWS = 300


def _plan(database: Database, job: Job) -> str:
    values: dict[str, Any] = {"domain": job.domain, "model_id": job.model_id, "ids": "{}"}
    with database.transaction() as cursor:
        cursor.execute("EXPLAIN " + merge.STORED, values)
        return "\n".join(line for (line,) in cursor.fetchall())


def _write(database: Database, job: Job) -> None:
    with database.transaction() as cursor:
        log_batch = write(cursor, job, [row(n) for n in range(ROWS)])
    planner_statistics.analyze_after_growth(database, log_batch)


def test_rows_of_a_second_domain_are_found_by_their_ids(database: Database) -> None:
    _write(database, make_job(database, rows=ROWS))
    second = make_job(database, rows=ROWS)
    assert "row_id = ANY" not in _index_conditions(_plan(database, second))  # what this is about

    _write(database, second)

    assert "row_id = ANY" in _index_conditions(_plan(database, second))


def test_a_table_that_is_locked_is_left_to_autovacuum(database: Database, database_url: str) -> None:
    other = Database(database_url)
    job = make_job(database, rows=ROWS)
    with other.transaction() as cursor, logged_events(planner_statistics) as logs:
        cursor.execute("LOCK TABLE log_batches IN SHARE UPDATE EXCLUSIVE MODE")
        _write(database, job)
    other.close()
    assert [line["event"] for line in logs] == ["planner_statistics_not_renewed"]


def _index_conditions(plan: str) -> str:
    return "\n".join(line for line in plan.splitlines() if "Index Cond" in line)
