"""What is lost is found soon in a domain whose queues are empty, however busy another domain is."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from pc_worker.model import Job
from pc_worker.services.dependencies import Services
from pc_worker.services.ingest.reconcile import LOST_AFTER_S, LOST_AFTER_WAITING_S, reconcile
from pc_worker.settings import Settings
from pc_worker.store.db.connection import Database
from pc_worker.store.ledger import jobs, leases, rate_limit
from pc_worker.wiring import make_services
from tests.integration.store.rows import make_job


@pytest.fixture
def services(database_url: str, tmp_path: Path) -> Services:
    unused = SecretStr("redis://127.0.0.1:1/0")
    settings = Settings(home=tmp_path, database_url=SecretStr(database_url), redis_url=unused, data_roots=(tmp_path,))
    return make_services(settings, application="test")


def _age(database: Database, job_id: str, *, by_s: float) -> None:
    with database.transaction() as cursor:
        for table in ("jobs", "chunks"):
            cursor.execute(
                f"UPDATE {table} SET enqueued_at = now() - make_interval(secs => %s) WHERE job_id = %s", (by_s, job_id)
            )


def _sent_long_ago(database: Database, domain: str, *, by_s: float) -> Job:
    job = make_job(database, rows=10, chunk=5, domain=domain)
    with database.transaction() as cursor:
        leases.enqueue_waiting(cursor, job.job_id, window=10)
    _age(database, job.job_id, by_s=by_s)
    return job


def _queued_long_ago(database: Database, domain: str, job_id: str, *, by_s: float) -> None:
    with database.transaction() as cursor:
        jobs.create_job(cursor, job_id=job_id, domain=domain, source="/f", request={}, max_dead=0)
    _age(database, job_id, by_s=by_s)


def test_a_busy_domain_does_not_delay_the_recovery_of_another(database: Database, services: Services) -> None:
    quiet, busy = (_sent_long_ago(database, name, by_s=LOST_AFTER_S + 5) for name in ("quiet", "busy"))
    _queued_long_ago(database, "quiet", "lost-ingest", by_s=LOST_AFTER_S + 5)
    _queued_long_ago(database, "busy", "waiting-ingest", by_s=LOST_AFTER_S + 5)

    found = reconcile(services, is_waiting=lambda domain: domain == "busy")

    assert {(chunk.job_id, chunk.chunk_no) for chunk in found.chunks} == {(quiet.job_id, 0), (quiet.job_id, 1)}
    assert found.lost == 2
    assert "lost-ingest" in found.ingests
    assert "waiting-ingest" not in found.ingests

    _age(database, busy.job_id, by_s=LOST_AFTER_WAITING_S + 5)
    again = reconcile(services, is_waiting=lambda domain: domain == "busy")
    assert {chunk.job_id for chunk in again.chunks} == {busy.job_id}


def test_a_chunk_that_was_sent_again_is_not_sent_twice(database: Database, services: Services) -> None:
    job = _sent_long_ago(database, "quiet", by_s=LOST_AFTER_S + 5)

    assert [chunk.job_id for chunk in reconcile(services, is_waiting=lambda _: False).chunks].count(job.job_id) == 2
    assert reconcile(services, is_waiting=lambda _: False).chunks == []


def test_what_was_sent_before_the_clock_was_set_back_is_found(database: Database, services: Services) -> None:
    job = _sent_long_ago(database, "set back", by_s=-7200.0)
    _queued_long_ago(database, "set back", "ingest of then", by_s=-7200.0)

    found = reconcile(services, is_waiting=lambda _: False)

    assert [chunk.job_id for chunk in found.chunks].count(job.job_id) == 2
    assert "ingest of then" in found.ingests


def test_a_rate_limit_goes_on_after_the_clock_was_set_back(database: Database) -> None:
    with database.transaction() as cursor:
        cursor.execute(
            "INSERT INTO domain_pace (domain, next_at, wake_at)"
            " VALUES ('paced', now() + interval '2 h', now() + interval '2 h')"
        )

        behind_s = rate_limit.seconds_behind(cursor, "paced", longest_s=10.0)
        again_in_s = rate_limit.schedule_check(cursor, "paced", needed=True)
        scheduled = rate_limit.schedule_check(cursor, "paced", needed=True)

    assert behind_s == -10.0
    assert again_in_s == 10.0
    assert scheduled is None
