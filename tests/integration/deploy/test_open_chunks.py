"""The number by which Kubernetes scales workers: open chunks, running ones counted, for a job in any state."""

from __future__ import annotations

import pytest

from pc_worker.settings import PROJECT
from pc_worker.store.db.connection import Database

QUERY = (PROJECT / "deploy/helm/pc-worker/files/open_chunks.sql").read_text(encoding="utf-8")
CHUNKS = ("waiting", "waiting", "enqueued", "running", "done", "failed")


@pytest.mark.parametrize(
    ("state", "open_chunks"),
    [
        ("queued", 5),  # its file is still to be split: work for one worker
        ("splitting", 5),
        ("running", 4),
        ("completed", 0),
        ("partial", 0),
        ("failed", 0),
        ("cancelled", 0),
    ],
)
def test_open_chunks_are_counted_for_a_job_in_each_state(database: Database, state: str, open_chunks: int) -> None:
    with database.transaction() as cursor:
        cursor.execute("DELETE FROM jobs")
        cursor.execute(
            "INSERT INTO jobs (job_id, domain, source, request, state) VALUES ('j', 'document', '/f', '{}', %s)",
            (state,),
        )
        for number, chunk in enumerate(CHUNKS):
            leased = chunk == "running"
            cursor.execute(
                "INSERT INTO chunks (job_id, chunk_no, first_row, row_count, state, lease_until)"
                " VALUES ('j', %s, %s, 300, %s, CASE WHEN %s THEN now() + interval '330 s' END)",
                (number, 300 * number, "enqueued" if leased else chunk, leased),
            )
        cursor.execute(QUERY)
        ((found,),) = cursor.fetchall()

    assert found == open_chunks


def test_a_role_that_may_read_jobs_and_chunks_is_enough(database: Database) -> None:
    with database.transaction() as cursor:
        cursor.execute("CREATE ROLE autoscaler NOLOGIN")
        cursor.execute("GRANT SELECT ON jobs, chunks TO autoscaler")
        cursor.execute("SET LOCAL ROLE autoscaler")
        cursor.execute(QUERY)
        assert len(cursor.fetchall()) == 1
        cursor.execute("RESET ROLE")
        cursor.execute("DROP OWNED BY autoscaler")
        cursor.execute("DROP ROLE autoscaler")
