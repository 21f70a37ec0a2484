"""Letters are moved together, each counted once, in its chunk and in its job."""

from __future__ import annotations

from pc_worker.model import DeadLetter, Job, Lease, Tally
from pc_worker.store.db.connection import Database
from pc_worker.store.ledger import dead_letters, jobs
from tests.integration.store.rows import acquire, finish, make_job


def _partial_job(database: Database, *, dead: int) -> Job:
    """Return a job of two chunks of five rows; of each the first ``dead`` rows are."""
    job = make_job(database, rows=10, chunk=5)
    for chunk_no in range(2):
        held = acquire(database, job, chunk_no)
        assert isinstance(held, Lease)
        letters = [
            DeadLetter(row_no=5 * chunk_no + n, row_id=None, reason="bad", normal_form=f'{{"n": {n}}}')
            for n in range(dead)
        ]
        with database.transaction() as cursor:
            dead_letters.insert_dead_letters(cursor, job=job, chunk_no=chunk_no, letters=letters)
        finish(database, held, Tally(written=5 - dead, dead=dead))
    return job


def _counts(database: Database, job: Job) -> tuple[str, int, int, list[tuple[int, int]]]:
    with database.transaction() as cursor:
        now = jobs.find_job(cursor, job.job_id)
        cursor.execute("SELECT dead, skipped FROM chunks WHERE job_id = %s ORDER BY chunk_no", (job.job_id,))
        return now.state, now.rows_dead, now.rows_skipped, cursor.fetchall()


def test_dropped_letters_of_several_jobs_are_counted_in_their_chunks_and_jobs(database: Database) -> None:
    one, other = _partial_job(database, dead=2), _partial_job(database, dead=1)
    places = [(one.job_id, 0), (one.job_id, 1), (other.job_id, 0), (one.job_id, 5), (other.job_id, 5)]

    assert dead_letters.drop_letters(database, places) == 5

    assert _counts(database, one) == ("partial", 1, 3, [(0, 2), (1, 1)])
    assert _counts(database, other) == ("completed", 0, 2, [(0, 1), (0, 1)])


def test_a_letter_that_was_moved_already_is_not_counted_again(database: Database) -> None:
    job = _partial_job(database, dead=1)
    place = (job.job_id, 0)

    assert dead_letters.drop_letters(database, [place]) == 1
    assert dead_letters.drop_letters(database, [place, (job.job_id, 5)]) == 1

    assert _counts(database, job) == ("completed", 0, 2, [(0, 1), (0, 1)])


def test_normal_forms_and_reasons_are_read_by_row_number(database: Database) -> None:
    job = _partial_job(database, dead=2)

    with database.transaction() as cursor:
        assert dead_letters.normal_forms(cursor, job.job_id, [1, 5, 9]) == {1: '{"n": 1}', 5: '{"n": 0}'}
        assert dead_letters.reason(cursor, job.job_id, 1) == "bad"
        assert dead_letters.reason(cursor, job.job_id, 9) is None
