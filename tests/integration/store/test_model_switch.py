"""A second model in addition to the active one, and the switch: atomic, complete, in a new epoch."""

from __future__ import annotations

import threading
import uuid
from datetime import datetime
from typing import Any

import pytest

from pc_worker.errors import ModelSwitched
from pc_worker.model import Job, LogBatch, Model
from pc_worker.store.db.connection import Cursor, Database
from pc_worker.store.log import append
from pc_worker.store.models import model_switch, registry
from pc_worker.store.models.oversize import move_terms
from tests.integration.store.rows import make_job, row, write
from tests.support.locks import wait_for_waiting_statement


def other_model(database: Database) -> Model:
    with database.transaction() as cursor:
        return registry.register_model(cursor, name="other", revision="1", dimension=3, normalised=True, encodable=True)


def registered_at(database: Database, location: str) -> Model:
    with database.transaction() as cursor:
        return registry.register_model(
            cursor, name="e5", revision="1", dimension=3, normalised=True, encodable=True, location=location
        )


def test_another_location_of_a_model_is_tried_first_and_the_former_ones_are_kept(database: Database) -> None:
    first = registered_at(database, "./e5")
    moved = registered_at(database, "/a/e5")
    other_machine = registered_at(database, "/b/e5")
    again = registered_at(database, "/a/e5")

    assert first.model_id == moved.model_id == other_machine.model_id == again.model_id
    assert (first.location, first.former_locations) == ("./e5", ())
    assert (other_machine.location, other_machine.former_locations) == ("/b/e5", ("/a/e5", "./e5"))
    assert (again.location, again.former_locations) == ("/a/e5", ("/b/e5", "./e5"))
    unknown = registered_at(database, "")
    assert (unknown.location, unknown.former_locations) == (again.location, again.former_locations)
    for number in range(20):
        many = registered_at(database, f"/{number}/e5")
    assert len(many.former_locations) == registry.MOST_FORMER


def filled(database: Database, rows: int) -> Job:
    job = make_job(database, rows=rows)
    with database.transaction() as cursor:
        write(cursor, job, [row(n) for n in range(rows)])
    return job


def backfilled(database: Database, job: Job, model: Model) -> None:
    with database.transaction() as cursor:
        lacking = model_switch.rows_lacking(cursor, job.domain, model.model_id, after=uuid.UUID(int=0), limit=100)
        made = [(found, row(1).passages) for found in lacking]
        model_switch.add_vectors(cursor, job.domain, model.model_id, made)


def test_backfill_covers_every_row_and_leaves_the_active_vectors(database: Database) -> None:
    job, model = filled(database, 7), other_model(database)

    backfilled(database, job, model)

    with database.transaction() as cursor:
        assert model_switch.count_lacking(cursor, job.domain, model.model_id) == (7, 0)
        assert model_switch.count_lacking(cursor, job.domain, job.model_id or 0) == (7, 0)
        assert registry.active_model(cursor, job.domain).model_id == job.model_id


def test_a_row_that_changed_meanwhile_gets_no_vectors_of_its_old_text(database: Database) -> None:
    job, model, same = make_job(database), other_model(database), uuid.uuid4()
    with database.transaction() as cursor:
        write(cursor, job, [row(0, same, content="old")])
        read = model_switch.rows_lacking(cursor, job.domain, model.model_id, after=uuid.UUID(int=0), limit=10)
    with database.transaction() as cursor:
        write(cursor, job, [row(0, same, content="new")])

    with database.transaction() as cursor:
        model_switch.add_vectors(cursor, job.domain, model.model_id, [(found, row(1).passages) for found in read])
        assert model_switch.count_lacking(cursor, job.domain, model.model_id) == (1, 1)


def test_a_row_that_changes_while_the_backfill_waits_for_it_gets_no_vectors_of_its_old_text(
    database: Database, database_url: str
) -> None:
    job, model, same, other = make_job(database), other_model(database), uuid.uuid4(), Database(database_url)
    with database.transaction() as cursor:
        write(cursor, job, [row(0, same, content="old")])
    backfill = threading.Thread(target=backfilled, args=(other, job, model))

    with database.transaction() as cursor:
        write(cursor, job, [row(0, same, content="new")])
        backfill.start()  # it reads the old text, and waits for the lock of the row
        wait_for_waiting_statement(database_url)
    backfill.join(timeout=60)

    with database.transaction() as cursor:
        assert model_switch.count_lacking(cursor, job.domain, model.model_id) == (1, 1)
    other.close()


def test_the_switch_delivers_every_row_again_in_order_and_in_a_new_epoch(database: Database) -> None:
    job, model = filled(database, 7), other_model(database)
    backfilled(database, job, model)

    with database.transaction() as cursor:
        model_switch.lock_domain(cursor, job.domain)
        assert model_switch.switch_model(cursor, job.domain, model.model_id) == 7

    with database.transaction() as cursor:
        cursor.execute(
            "SELECT row_id, first_position FROM log WHERE domain = %s AND superseded_by IS NULL ORDER BY position",
            (job.domain,),
        )
        assert [first for _, first in cursor.fetchall()] == list(range(1, 8))
        cursor.execute("SELECT head FROM domains WHERE domain = %s", (job.domain,))
        assert cursor.fetchone() == (14,)
        cursor.execute(
            "SELECT b.first_position, b.last_position, b.intact, b.epoch = d.epoch, b.model_id "
            "FROM log_batches b JOIN domains d USING (domain) WHERE b.domain = %s ORDER BY 1",
            (job.domain,),
        )
        assert cursor.fetchall() == [(1, 7, False, False, job.model_id), (8, 14, True, True, model.model_id)]


def test_the_batches_of_a_new_epoch_are_of_the_end_of_its_transaction(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, model = filled(database, 7), other_model(database)
    backfilled(database, job, model)
    moved_at = list[datetime]()

    def move(cursor: Cursor, *arguments: Any) -> None:
        move_terms(cursor, *arguments)
        cursor.execute("SELECT clock_timestamp()")
        moved_at.extend(time for (time,) in cursor.fetchall())

    monkeypatch.setattr(model_switch, "move_terms", move)
    with database.transaction() as cursor:
        model_switch.lock_domain(cursor, job.domain)
        model_switch.switch_model(cursor, job.domain, model.model_id)
        cursor.execute(
            "SELECT min(b.committed_at) FROM log_batches b JOIN domains d USING (domain, epoch) WHERE domain = %s",
            (job.domain,),
        )
        (first,) = cursor.fetchone() or (None,)

    assert first is not None
    assert first > moved_at[0]


def test_a_chunk_embedded_with_the_old_model_cannot_commit_after_the_switch(database: Database) -> None:
    job, model = filled(database, 3), other_model(database)
    backfilled(database, job, model)
    with database.transaction() as cursor:
        model_switch.lock_domain(cursor, job.domain)
        model_switch.switch_model(cursor, job.domain, model.model_id)

    with pytest.raises(ModelSwitched), database.transaction() as cursor:
        append.append_log(cursor, domain=job.domain, ids=[uuid.uuid4()], job_id=job.job_id, model_id=job.model_id or 0)


def test_a_new_epoch_has_a_new_hot_buffer_key_which_search_cannot_read(database: Database) -> None:
    job, model = filled(database, 2), other_model(database)
    backfilled(database, job, model)
    before = batch_of(database, job)

    with database.transaction() as cursor:
        model_switch.lock_domain(cursor, job.domain)
        model_switch.switch_model(cursor, job.domain, model.model_id)
    after = batch_of(database, job)

    assert before.queue_key is not None
    assert after.queue_key is not None
    assert len(before.queue_key) == len(after.queue_key) == 32
    assert before.queue_key != after.queue_key
    assert before.queue_key.hex() not in repr(before)
    with database.transaction() as cursor:
        cursor.execute("SELECT epoch FROM queue_keys WHERE domain = %s", (job.domain,))
        assert cursor.fetchall() == [(str(after.epoch),)]
        cursor.execute("SELECT has_table_privilege('pcw_reader', 'queue_keys', 'SELECT')")
        assert cursor.fetchall() == [(False,)]


def batch_of(database: Database, job: Job) -> LogBatch:
    """Log one row more, under the domain's model of now."""
    with database.transaction() as cursor:
        cursor.execute("SELECT model_id FROM domains WHERE domain = %s", (job.domain,))
        ((model_id,),) = cursor.fetchall()
        log_batch = append.append_log(
            cursor, domain=job.domain, ids=[uuid.uuid4()], job_id=None, model_id=model_id, tombstones=True
        )
    assert log_batch is not None
    return log_batch
