"""The chunk ledger: leases, fencing, crashes, completion."""

from __future__ import annotations

import pytest

from pc_worker.errors import Fenced
from pc_worker.model import Lease, Tally
from pc_worker.store.db.connection import Database
from pc_worker.store.ledger import jobs, leases
from tests.integration.store.rows import acquire, finish, make_job
from tests.support.waiting import eventually


def acquired(database: Database, *args: object, **kwargs: object) -> Lease:
    got = acquire(database, *args, **kwargs)  # type: ignore[arg-type]  # passed on as they came
    assert isinstance(got, Lease)
    return got


def test_a_live_lease_makes_the_chunk_busy_for_a_duplicate_message(database: Database, database_url: str) -> None:
    job = make_job(database)
    acquired(database, job, 0)

    other = Database(database_url)

    assert acquire(other, job, 0) == "busy"
    other.close()


def test_the_chunk_of_a_dead_holder_is_free_at_once(database: Database, database_url: str) -> None:
    job = make_job(database)
    holder = Database(database_url)
    first = acquired(holder, job, 0)
    holder.close()  # as the kernel does for a killed process

    def free() -> list[Lease]:  # once the server has seen it
        got = acquire(database, job, 0)
        return [got] if isinstance(got, Lease) else []

    (second,) = eventually(free, what="the chunk")
    assert second.attempt == first.attempt + 1


def test_an_expired_lease_can_be_acquired_and_its_holder_is_fenced(database: Database, database_url: str) -> None:
    job = make_job(database)
    zombie = Database(database_url)
    held = acquired(zombie, job, 0, lease_s=0.0)

    second = acquired(database, job, 0)

    with pytest.raises(Fenced):
        finish(zombie, held, Tally(written=5))
    finish(database, second, Tally(written=5))
    zombie.close()


def test_a_done_chunk_is_gone(database: Database) -> None:
    job = make_job(database)
    finish(database, acquired(database, job, 0), Tally(written=5))

    assert acquire(database, job, 0) == "gone"


def test_a_running_chunk_of_a_cancelled_job_cannot_commit(database: Database) -> None:
    job = make_job(database)
    held = acquired(database, job, 0)
    with database.transaction() as cursor:
        jobs.cancel_job(cursor, job.job_id)

    with pytest.raises(Fenced):
        finish(database, held, Tally(written=5))


@pytest.mark.parametrize(
    ("tally", "state"),
    [
        pytest.param(Tally(written=5), "completed", id="all written"),
        pytest.param(Tally(written=4, dead=1), "partial", id="one dead"),
        pytest.param(Tally(written=4), "failed", id="one missing"),
    ],
)
def test_the_last_chunk_ends_the_job(database: Database, tally: Tally, state: str) -> None:
    job = make_job(database)
    assert not finish(database, acquired(database, job, 0), Tally(written=5))

    assert finish(database, acquired(database, job, 1), tally)

    with database.transaction() as cursor:
        assert jobs.find_job(cursor, job.job_id).state == state


def test_a_chunk_that_crashes_its_workers_is_halved_until_the_row_is_found(
    database: Database, database_url: str
) -> None:
    job = make_job(database, rows=8, chunk=8)
    poison, deaths = 5, 0
    while True:
        with database.transaction() as cursor:
            cursor.execute("SELECT chunk_no FROM chunks WHERE job_id = %s AND state <> 'done'", (job.job_id,))
            open_chunks = [number for (number,) in cursor.fetchall()]
        if not open_chunks:
            break
        for chunk_no in open_chunks:
            worker = Database(database_url)
            held = acquire(worker, job, chunk_no)
            if isinstance(held, Lease) and poison in range(held.first_row, held.first_row + held.row_count):
                deaths += 1
            elif isinstance(held, Lease):
                finish(worker, held, Tally(written=held.row_count))
            worker.close()

    with database.transaction() as cursor:
        ended = jobs.find_job(cursor, job.job_id)
        cursor.execute("SELECT row_no, reason FROM dead_letters WHERE job_id = %s", (job.job_id,))
        letters = cursor.fetchall()
    assert (ended.state, ended.rows_written, ended.rows_dead) == ("partial", 7, 1)
    assert letters == [(poison, "the worker died 3 times on this row")]
    assert deaths == 3 + 2 + 3 + 1  # the whole, two halves, the row alone, and the one that only reads it


def test_at_most_a_window_of_chunks_is_enqueued(database: Database) -> None:
    job = make_job(database, rows=50, chunk=5)

    with database.transaction() as cursor:
        first = leases.enqueue_waiting(cursor, job.job_id, window=4)
        again = leases.enqueue_waiting(cursor, job.job_id, window=4)
    finish(database, acquired(database, job, 0), Tally(written=5))
    with database.transaction() as cursor:
        after = leases.enqueue_waiting(cursor, job.job_id, window=4)

    assert (first, again, after) == ([0, 1, 2, 3], [], [4])


def test_a_chunk_without_a_lease_is_requeued_after_a_while(database: Database, database_url: str) -> None:
    job = make_job(database)
    with database.transaction() as cursor:
        leases.enqueue_waiting(cursor, job.job_id, window=2)
    at_work = Database(database_url)
    acquired(at_work, job, 0)

    with database.transaction() as cursor:
        cursor.execute("UPDATE chunks SET enqueued_at = now() - interval '1 hour' WHERE job_id = %s", (job.job_id,))
        lost = leases.requeue_lost(cursor, job.job_id, older_than_s=60)

    assert lost == [1]
    at_work.close()


def test_released_failures_are_counted_and_are_not_crashes(database: Database) -> None:
    job = make_job(database)
    for expected in (1, 2):
        held = acquired(database, job, 0)
        with database.transaction() as cursor:
            assert leases.release_lease(cursor, held, error="bad", counts=True) == expected
            leases.unlock_lease(cursor, held)

    with database.transaction() as cursor:
        cursor.execute("SELECT crashes FROM chunks WHERE job_id = %s AND chunk_no = 0", (job.job_id,))
        assert cursor.fetchone() == (0,)


def test_a_cut_chunk_leaves_its_other_rows_in_waiting_chunks(database: Database) -> None:
    job = make_job(database, rows=10, chunk=10)
    held = acquired(database, job, 0)

    with database.transaction() as cursor:
        kept = leases.cut_chunk(cursor, held, keep=3)

    assert (kept.first_row, kept.row_count, kept.attempt) == (0, 3, held.attempt)
    assert not finish(database, kept, Tally(written=3))
    rest = [acquired(database, job, chunk_no) for chunk_no in (1, 2, 3)]
    assert [(chunk.first_row, chunk.row_count) for chunk in rest] == [(3, 3), (6, 3), (9, 1)]
    assert [finish(database, chunk, Tally(written=chunk.row_count)) for chunk in rest] == [False, False, True]
    with database.transaction() as cursor:
        ended = jobs.find_job(cursor, job.job_id)
    assert (ended.state, ended.chunks_total, ended.rows_written) == ("completed", 4, 10)


def test_a_fenced_worker_cannot_cut_a_chunk(database: Database, database_url: str) -> None:
    job = make_job(database, rows=10, chunk=10)
    zombie = Database(database_url)
    held = acquired(zombie, job, 0, lease_s=0.0)
    acquired(database, job, 0)

    with pytest.raises(Fenced), zombie.transaction() as cursor:
        leases.cut_chunk(cursor, held, keep=3)

    with database.transaction() as cursor:
        assert jobs.find_job(cursor, job.job_id).chunks_total == 1
    zombie.close()
