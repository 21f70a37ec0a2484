"""Metrics of the whole pipeline: a server that does not answer is reported, never guessed."""

from __future__ import annotations

import uuid

import pytest
import redis

from pc_worker.embedded import EmbeddedServers
from pc_worker.hot_buffer import HotBuffer
from pc_worker.hot_buffer.keys import ring_keys
from pc_worker.services.maintenance.line_metrics import GAUGES, LineMetrics
from pc_worker.store.db.connection import Database
from pc_worker.store.ledger import jobs
from tests.integration.store.rows import make_job, row, write

AWAY_PORT = 1


def queue(url: str) -> HotBuffer:
    return HotBuffer(redis.Redis.from_url(url, socket_connect_timeout=2), max_bytes=1_000_000)


def measured(database: Database, its_queue: HotBuffer) -> dict[tuple[str, ...], float]:
    """Name and label values → value."""
    families = LineMetrics(database, its_queue).collect()
    return {(sample.name, *sample.labels.values()): sample.value for family in families for sample in family.samples}


@pytest.fixture
def redis_url(embedded_servers: EmbeddedServers) -> str:
    assert embedded_servers.redis_url is not None
    return embedded_servers.redis_url


def test_jobs_log_and_consumers_are_measured(database: Database, redis_url: str) -> None:
    job, failed = make_job(database, rows=10, chunk=5), make_job(database)
    with database.transaction() as cursor:
        write(cursor, job, [row(n) for n in range(3)])
        jobs.fail_job(cursor, failed.job_id, "a reason")
        cursor.execute(
            "INSERT INTO subscriptions (domain, name, position, epoch) VALUES (%s, 'sink', 1, %s)",
            (job.domain, str(uuid.uuid4())),
        )
        cursor.execute(
            "INSERT INTO nacked_rows (domain, name, row_id, position, deliveries, reason, due_at)"
            " SELECT domain, 'sink', row_id, position, 1, 'r', CASE WHEN position = 1 THEN now() END FROM log"
            " WHERE domain = %s AND superseded_by IS NULL",
            (job.domain,),
        )

    found = measured(database, queue(redis_url))

    assert found["pcw_postgres_up",] == found["pcw_queue_up",] == 1
    assert found["pcw_jobs", job.domain, "running"] == found["pcw_jobs", failed.domain, "failed"] == 1
    assert found["pcw_jobs", job.domain, "failed"] == 0
    assert found["pcw_chunks_open", job.domain] == 2
    assert found["pcw_log_head", job.domain] == found["pcw_log_depth", job.domain] == 3
    assert found["pcw_subscription_lag_rows", job.domain, "sink"] == 2
    assert found["pcw_subscription_lag_seconds", job.domain, "sink"] > 0
    assert found["pcw_subscription_consumed", job.domain, "sink"] == 0
    assert found["pcw_subscription_dead_letters", job.domain, "sink"] == 2
    assert found["pcw_subscription_nacked_rows", job.domain, "sink"] == 1
    assert {name for name, *_ in found} <= set(GAUGES)


def test_invented_domains_are_one_time_series(database: Database, redis_url: str) -> None:
    with database.transaction() as cursor:
        for number in range(50):
            jobs.create_job(cursor, job_id=f"m{number}", domain=f"made up {number}", source="", request={}, max_dead=0)
            jobs.fail_job(cursor, f"m{number}", "its call was refused")

    found = measured(database, queue(redis_url))

    assert found["pcw_jobs", "unknown", "failed"] == 50
    assert not [names for names in found if "made up" in "".join(names)]


def test_a_consumer_at_the_head_has_no_lag(database: Database, redis_url: str) -> None:
    job = make_job(database)
    with database.transaction() as cursor:
        write(cursor, job, [row(n) for n in range(3)])
        cursor.execute(
            "INSERT INTO subscriptions (domain, name, position, epoch) VALUES (%s, 'sink', 3, %s)",
            (job.domain, str(uuid.uuid4())),
        )

    found = measured(database, queue(redis_url))

    assert found["pcw_subscription_lag_rows", job.domain, "sink"] == 0
    assert found["pcw_subscription_lag_seconds", job.domain, "sink"] == 0


def test_without_postgresql_only_its_state_and_the_hot_buffer_are_measured(redis_url: str) -> None:
    found = measured(Database(f"postgresql://127.0.0.1:{AWAY_PORT}/none"), queue(redis_url))

    assert (found["pcw_postgres_up",], found["pcw_queue_up",]) == (0, 1)
    assert not any(name.startswith(("pcw_jobs", "pcw_log")) for name, *_ in found)


def test_without_redis_the_database_is_measured(database: Database) -> None:
    make_job(database)

    found = measured(database, queue(f"redis://127.0.0.1:{AWAY_PORT}/0"))

    assert (found["pcw_postgres_up",], found["pcw_queue_up",]) == (1, 0)
    assert any(name == "pcw_jobs" for name, *_ in found)


def test_a_domain_with_an_invalid_hot_buffer_is_omitted_and_the_others_are_measured(
    database: Database, redis_url: str
) -> None:
    client = redis.Redis.from_url(redis_url)
    client.delete(*ring_keys("document"))
    client.rpush(ring_keys("recruit")[0], "a list")
    client.zadd(ring_keys("candidate")[1], {"no number": 1})
    client.hset(ring_keys("skill_dic")[2], "bytes", "many")

    found = measured(database, queue(redis_url))
    for domain in ("recruit", "candidate", "skill_dic"):
        client.delete(*ring_keys(domain))

    assert found["pcw_queue_up",] == 1
    assert found["pcw_queue_entries", "document"] == 0
    assert ("pcw_queue_entries", "candidate") not in found
    assert ("pcw_queue_bytes", "skill_dic") not in found
