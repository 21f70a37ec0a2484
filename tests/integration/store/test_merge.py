"""The chunk's transaction: rows once, positions gap-free and in commit order, first positions remembered."""

from __future__ import annotations

import dataclasses
import json
import threading
import uuid

import psycopg2
import pytest

from pc_worker.errors import Conflict
from pc_worker.model import Job
from pc_worker.services.maintenance.purge import purge_log
from pc_worker.store.db.connection import Cursor, Database
from pc_worker.store.rows import merge
from tests.integration.store.rows import make_job, row, write


def entries(database: Database, job: Job) -> list[tuple[int, str, int, int | None]]:
    with database.transaction() as cursor:
        cursor.execute(
            "SELECT position, row_id::text, first_position, superseded_by FROM log WHERE domain = %s ORDER BY 1",
            (job.domain,),
        )
        return cursor.fetchall()


def test_rows_get_gap_free_positions_in_file_order(database: Database) -> None:
    job = make_job(database)
    rows = [row(n) for n in range(5)]

    with database.transaction() as cursor:
        log_batch = write(cursor, job, rows)

    assert log_batch is not None
    assert (log_batch.first, log_batch.last) == (1, 5)
    assert [(p, i) for p, i, _, _ in entries(database, job)] == [(n + 1, str(r.row_id)) for n, r in enumerate(rows)]


def test_a_changed_row_moves_to_a_new_position_and_keeps_its_first(database: Database) -> None:
    job, same = make_job(database), uuid.uuid4()
    with database.transaction() as cursor:
        write(cursor, job, [row(0, same), row(1)])
    with database.transaction() as cursor:
        write(cursor, job, [row(0, same, content="b")])

    found = entries(database, job)

    assert [(p, f, s) for p, i, f, s in found if i == str(same)] == [(1, 1, 3), (3, 1, None)]
    with database.transaction() as cursor:
        cursor.execute("SELECT first_position, intact FROM log_batches WHERE domain = %s ORDER BY 1", (job.domain,))
        assert cursor.fetchall() == [(1, False), (3, True)]
        cursor.execute("SELECT count(*) FROM embeddings WHERE domain = %s", (job.domain,))
        assert cursor.fetchone() == (2,)


def test_the_payload_of_a_large_row_is_not_compressed(database: Database) -> None:
    job, large = make_job(database), dataclasses.replace(row(0), payload_json=json.dumps({"text": "word " * 800}))
    with database.transaction() as cursor:
        write(cursor, job, [large])
        cursor.execute(
            "SELECT pg_column_compression(payload), pg_column_size(payload) FROM rows WHERE row_id = %s",
            (str(large.row_id),),
        )
        compression, size = cursor.fetchone() or ()

    assert compression is None
    assert size > 4000


def write_and_fail(cursor: Cursor, job: Job) -> int:
    """Write a row, and return the divisor that makes the transaction fail."""
    write(cursor, job, [row(0)])
    return 0


def test_a_rolled_back_chunk_leaves_no_gap(database: Database) -> None:
    job = make_job(database)
    with pytest.raises(psycopg2.DataError), database.transaction() as cursor:
        cursor.execute("SELECT 1 / %s", (write_and_fail(cursor, job),))
    with database.transaction() as cursor:
        log_batch = write(cursor, job, [row(0)])

    assert log_batch is not None
    assert log_batch.first == 1


def test_concurrent_writers_of_one_domain_leave_positions_without_gaps(database: Database, database_url: str) -> None:
    job = make_job(database)

    def work() -> None:
        own = Database(database_url)
        for _ in range(10):
            own.repeat(lambda cursor: write(cursor, job, [row(n) for n in range(7)]))
        own.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [position for position, *_ in entries(database, job)] == list(range(1, 281))


def test_a_row_that_another_writer_stored_first_is_a_conflict(database: Database) -> None:
    job, same = make_job(database), uuid.uuid4()
    with database.transaction() as cursor:
        write(cursor, job, [row(0, same)])

    with pytest.raises(Conflict), database.transaction() as cursor:
        merge.upsert_rows(cursor, origin=job.row_origin("s"), rows=[row(0, same)], fresh={same})


@pytest.mark.parametrize(
    "vector", [pytest.param("[1,2]", id="another dimension"), pytest.param("[0,0,0]", id="zero norm")]
)
def test_the_database_rejects_a_vector_that_does_not_fit_the_model(database: Database, vector: str) -> None:
    job, row_id = make_job(database), uuid.uuid4()
    with database.transaction() as cursor:
        write(cursor, job, [row(0, row_id)])

    with pytest.raises(psycopg2.IntegrityError), database.transaction() as cursor:
        cursor.execute(
            "INSERT INTO embeddings VALUES (%s, %s, %s, 1, 3, 0, 0, NULL, %s::vector)",
            (job.domain, str(row_id), job.model_id, vector),
        )


def test_purge_removes_superseded_entries_but_never_a_first_or_a_newest(database: Database) -> None:
    job, same = make_job(database), uuid.uuid4()
    for content in "abc":
        with database.transaction() as cursor:
            write(cursor, job, [row(0, same, content=content)])

    with database.transaction() as cursor:
        old = "UPDATE log_batches SET committed_at = now() - interval '8 days' WHERE domain = %s"
        cursor.execute(old, (job.domain,))
    purge_log(database, older_than_s=7 * 86400)

    assert [position for position, *_ in entries(database, job)] == [1, 3]
