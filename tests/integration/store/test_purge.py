"""What purge removes, and what it never does: what a resume, a checkpoint or a way back to a model needs."""

from __future__ import annotations

import uuid

import pytest

from pc_worker.model import Job, Model
from pc_worker.services.maintenance.purge import purge_log
from pc_worker.services.models.change_model import drop_retired
from pc_worker.store.db.connection import Cursor, Database
from pc_worker.store.ledger import jobs
from pc_worker.store.log.epochs import begin_epoch
from pc_worker.store.log.purge_log import due_purges, purge_range
from pc_worker.store.models import model_switch
from tests.integration.store.rows import make_job, row, write
from tests.integration.store.test_model_switch import backfilled, filled, other_model

ROWS = 5
AT_ONCE = 0.0
A_DAY = 86_400.0


def switched(database: Database) -> tuple[Job, Model]:
    """Return a domain that has switched from its first model to another."""
    job, model = filled(database, ROWS), other_model(database)
    backfilled(database, job, model)
    switch(database, job, model.model_id)
    return job, model


def switch(database: Database, job: Job, model_id: int) -> None:
    with database.transaction() as cursor:
        model_switch.lock_domain(cursor, job.domain)
        model_switch.switch_model(cursor, job.domain, model_id)


def vectors(database: Database, job: Job, model_id: int | None) -> int:
    with database.transaction() as cursor:
        cursor.execute("SELECT count(*) FROM embeddings WHERE domain = %s AND model_id = %s", (job.domain, model_id))
        (count,) = cursor.fetchone() or (0,)
    return int(count)


def only_domain(database: Database, job: Job) -> None:
    """Leave this domain alone in the database: others use the same models."""
    with database.transaction() as cursor:
        for table in ("embeddings", "rows", "log", "log_batches", "domains"):
            cursor.execute(f"DELETE FROM {table} WHERE domain <> %s", (job.domain,))


def test_vectors_of_an_unused_model_are_deleted_after_their_retention(database: Database) -> None:
    job, model = switched(database)
    only_domain(database, job)

    assert drop_retired(database, older_than_s=A_DAY) == 0
    assert vectors(database, job, job.model_id) == ROWS

    assert drop_retired(database, older_than_s=AT_ONCE) == ROWS
    assert (vectors(database, job, job.model_id), vectors(database, job, model.model_id)) == (0, ROWS)
    assert drop_retired(database, older_than_s=AT_ONCE) == 0


def test_a_model_that_another_domain_uses_stays(database: Database) -> None:
    job, _ = switched(database)
    filled(database, ROWS)

    assert drop_retired(database, older_than_s=AT_ONCE) == 0
    assert vectors(database, job, job.model_id) == ROWS


def test_a_model_that_is_being_filled_is_not_retired(database: Database) -> None:
    job, model = filled(database, ROWS), other_model(database)
    only_domain(database, job)
    backfilled(database, job, model)

    assert drop_retired(database, older_than_s=AT_ONCE) == 0
    assert vectors(database, job, model.model_id) == ROWS


def test_after_switching_back_the_other_model_is_retired(database: Database) -> None:
    job, model = switched(database)
    only_domain(database, job)
    switch(database, job, job.model_id or 0)

    assert drop_retired(database, older_than_s=AT_ONCE) == ROWS
    assert (vectors(database, job, job.model_id), vectors(database, job, model.model_id)) == (ROWS, 0)


def test_jobs_that_can_be_resumed_stay(database: Database) -> None:
    failed, cancelled, empty = make_job(database), make_job(database), make_job(database, rows=0)
    with database.transaction() as cursor:
        jobs.fail_job(cursor, failed.job_id, "a reason")
        jobs.cancel_job(cursor, cancelled.job_id)
        jobs.create_job(cursor, job_id="refused", domain="no", source="", request={}, max_dead=0)
        jobs.fail_job(cursor, "refused", "its call was refused")

    with database.transaction() as cursor:
        gone = jobs.purge_jobs(cursor, older_than_s=-1)

    assert {empty.job_id, "refused"} <= set(gone)
    assert not {failed.job_id, cancelled.job_id} & set(gone)


def test_superseded_entries_are_deleted_except_the_first_and_the_newest_of_a_row(database: Database) -> None:
    job, same = make_job(database), uuid.uuid4()
    for content in ("a", "b", "c", "d"):
        with database.transaction() as cursor:
            write(cursor, job, [row(0, same, content=content)])

    with database.transaction() as cursor:
        assert positions(cursor, job) == [1, 2, 3, 4]
    purge_log(database, older_than_s=-1)

    with database.transaction() as cursor:
        assert positions(cursor, job) == [1, 4]


def test_a_purge_of_the_log_is_done_in_ranges_and_continues_where_it_ended(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, same = make_job(database), [uuid.uuid4() for _ in range(3)]
    only_domain(database, job)
    monkeypatch.setattr("pc_worker.store.log.purge_log.purge_range.__kwdefaults__", {"span": 4})
    for content in ("a", "b", "c", "d"):
        with database.transaction() as cursor:
            write(cursor, job, [row(n, row_id, content=content) for n, row_id in enumerate(same)])

    purged = [purge_log(database, older_than_s=-1, seconds=0) for _ in range(4)]

    assert purged == [1, 4, 1, 0]
    with database.transaction() as cursor:
        assert positions(cursor, job) == [1, 2, 3, 10, 11, 12]
        write(cursor, job, [row(0, same[0], content="e")])
    assert [purge_log(database, older_than_s=-1, seconds=0) for _ in range(5)] == [0, 1, 0, 0, 0]
    with database.transaction() as cursor:
        assert positions(cursor, job) == [1, 2, 3, 11, 12, 13]
        assert due_purges(cursor, older_than_s=-1) == []


def test_an_unfinished_purge_is_continued_first_then_the_longest_ago(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = sorted((make_job(database), make_job(database), make_job(database)), key=lambda job: job.domain)
    same = uuid.uuid4()
    monkeypatch.setattr("pc_worker.store.log.purge_log.purge_range.__kwdefaults__", {"span": 2})

    def change(*changed: Job) -> None:
        for job in changed:
            for content in ("a", "b", "c", "d"):
                with database.transaction() as cursor:
                    write(cursor, job, [row(0, same, content=content)])

    def due() -> list[str]:
        with database.transaction() as cursor:
            names = [domain for domain, _ in due_purges(cursor, older_than_s=-1)]
        return [name for name in names if name in {job.domain for job in made}]

    for job in reversed(made):
        change(job)
        purge_log(database, older_than_s=-1)
    change(*made)
    first, middle, last = (job.domain for job in made)

    assert due() == [last, middle, first]
    with database.transaction() as cursor:
        purge_range(cursor, first, 8)
    assert due() == [first, last, middle]


def test_a_purge_reads_no_gaps(database: Database) -> None:
    job, same = make_job(database), uuid.uuid4()
    for content in ("a", "b", "c"):
        with database.transaction() as cursor:
            write(cursor, job, [row(0, same, content=content)])
    with database.transaction() as cursor:
        begin_epoch(cursor, job.domain, base=None, leap=10**9)
    bound = 10**9 + 4

    with database.transaction() as cursor:
        purged = [purge_range(cursor, job.domain, bound, span=2) for _ in range(3)]
        assert purged == [(1, False), (1, False), (0, True)]
        assert positions(cursor, job) == [1, bound]
        cursor.execute("DELETE FROM log WHERE domain = %s", (job.domain,))
        assert purge_range(cursor, job.domain, bound + 10**9) == (0, True)


def test_a_longer_retention_is_that_of_a_running_purge_too(database: Database) -> None:
    job, same = make_job(database), uuid.uuid4()
    for content in ("a", "b", "c", "d", "e", "f"):
        with database.transaction() as cursor:
            write(cursor, job, [row(0, same, content=content)])

    with database.transaction() as cursor:
        assert purge_range(cursor, job.domain, 6, span=2) == (1, False)
        assert purge_range(cursor, job.domain, 4, span=2) == (1, True)
        assert positions(cursor, job) == [1, 4, 5, 6]
        assert (job.domain, 6) in due_purges(cursor, older_than_s=-1)
        assert purge_range(cursor, job.domain, 6) == (2, True)
        assert positions(cursor, job) == [1, 6]


def positions(cursor: Cursor, job: Job) -> list[int]:
    cursor.execute("SELECT position FROM log WHERE domain = %s ORDER BY position", (job.domain,))
    return [position for (position,) in cursor.fetchall()]
