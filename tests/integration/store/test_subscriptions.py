"""Named consumers as people see them."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from pc_worker.errors import BeyondHead, LeaseHeld, NotFound, PcWorkerError
from pc_worker.model.start_point import StartPoint
from pc_worker.store.db.connection import Cursor, Database
from pc_worker.store.log.subscriptions import list_subscriptions, purge_subscriptions, seek_subscription
from tests.support.locks import wait_for_waiting_statement

FIXTURE = """
WITH model AS (
    INSERT INTO models (name, revision, dimension, normalised, encodable) VALUES ('m', '1', 8, true, false)
    ON CONFLICT (name, revision, dimension, normalised) DO UPDATE SET encodable = false RETURNING model_id
)
INSERT INTO domains (domain, head, epoch, model_id) SELECT 'law', 100, gen_random_uuid(), model_id FROM model
ON CONFLICT DO NOTHING;
DELETE FROM subscriptions;
INSERT INTO subscriptions (domain, name, position, epoch, held_by, held_until)
SELECT 'law', name, 40, epoch, by, now() + until
FROM domains, (VALUES ('dead', 'ipv4:10.0.0.1:1', interval '-1 s'), ('free', NULL, NULL),
                      ('held', 'ipv4:10.0.0.2:2', interval '30 s')) AS s (name, by, until)
"""


@pytest.fixture(autouse=True)
def _filled(database: Database) -> None:
    database.repeat(lambda cursor: cursor.execute(FIXTURE))


def test_the_holder_of_a_live_lease_is_listed(database: Database) -> None:
    def work(cursor: Cursor) -> list[dict[str, object]]:
        return list_subscriptions(cursor, retention_s=0)

    found = database.repeat(work)

    assert [(one["name"], one["lag"], one["held_by"]) for one in found] == [
        ("dead", 60, None),
        ("free", 60, None),
        ("held", 60, "ipv4:10.0.0.2:2"),
    ]
    assert [one["held_until"] is None for one in found] == [True, True, False]


#: Name → days since it was last consumed, whether it ever acknowledged anything, whether it is held.
SUBSCRIPTIONS = {
    "never acked, yesterday": (0.9, False, False),
    "never acked, long ago": (1.1, False, False),
    "acked, last month": (29, True, False),
    "acked, long ago": (31, True, False),
    "acked, long ago, held": (31, True, True),
    "acked by the version before": (31, None, False),
}
ADD = """
INSERT INTO subscriptions (domain, name, position, epoch, rows_acked, updated_at, used_at, acked_at, held_until)
SELECT domain, %(name)s, 40, epoch, %(rows)s, now() - interval '99 days',
       now() - make_interval(secs => %(days)s * 86400),
       CASE WHEN %(acked)s THEN now() - interval '99 days' END, CASE WHEN %(held)s THEN now() + interval '30 s' END
FROM domains
"""


def test_an_unused_subscription_expires_and_its_expiry_is_listed_before(database: Database) -> None:
    def work(cursor: Cursor) -> tuple[set[str], set[str], set[str]]:
        cursor.execute("DELETE FROM subscriptions")
        for name, (days, acked, held) in SUBSCRIPTIONS.items():
            rows = 5 if acked is None else 0
            values = {"name": name, "days": days, "acked": bool(acked), "held": held, "rows": rows}
            cursor.execute(ADD, values)
        listed = list_subscriptions(cursor, retention_s=30 * 86_400)
        listed_to_expire = {entry["name"] for entry in listed if entry["expires_at"] is not None}
        without_retention = {expired.name for expired in purge_subscriptions(cursor, retention_s=0)}
        expired = {one.name for one in purge_subscriptions(cursor, retention_s=30 * 86_400)}
        return listed_to_expire, without_retention, expired

    listed_to_expire, without_retention, gone = database.repeat(work)

    assert listed_to_expire == set(SUBSCRIPTIONS) - {"acked, long ago, held"}
    assert without_retention == {"never acked, long ago"}
    assert gone == {"acked, long ago", "acked by the version before"}


#: One of the shards, as `Subscriptions.renew` and `Subscriptions.acquire` do it.
RENEWED = "UPDATE subscriptions SET held_until = now() + interval '30 s', used_at = now() WHERE name IN ('S', 'S/1')"
ACQUIRED = f"SELECT pg_advisory_xact_lock(hashtextextended('subscription:law/S', 0)); {RENEWED}"


@pytest.mark.parametrize("shards", [1, 2])
@pytest.mark.parametrize("returns", [RENEWED, ACQUIRED], ids=["renewed", "acquired"])
def test_a_subscription_whose_consumer_returns_while_it_is_purged_stays(
    database: Database, database_url: str, shards: int, returns: str
) -> None:
    names = ["S"] if shards == 1 else ["S/0", "S/1"]
    with database.transaction() as cursor:
        cursor.execute("DELETE FROM subscriptions")
        for name in names:
            cursor.execute(ADD, {"name": name, "days": 31, "acked": True, "held": False, "rows": 5})
        if shards > 1:
            cursor.execute("UPDATE subscriptions SET consumer = 'S', shards = 2, shard = right(name, 1)::int")
    gone: list[str] = []
    other = Database(database_url)

    def work() -> None:
        with other.transaction() as cursor:
            gone.extend(one.name for one in purge_subscriptions(cursor, retention_s=30 * 86_400))

    purge = threading.Thread(target=work)
    with database.transaction() as cursor:
        cursor.execute(returns)
        purge.start()
        wait_for_waiting_statement(database_url)
    purge.join(timeout=60)

    with database.transaction() as cursor:
        cursor.execute("SELECT name FROM subscriptions ORDER BY name")
        assert [name for (name,) in cursor.fetchall()] == names
    assert gone == []
    other.close()


TIMES = """
DELETE FROM log_batches WHERE domain = 'law';
INSERT INTO log_batches (domain, first_position, last_position, epoch, model_id, nonce, committed_at)
SELECT domain, first, first + 9, epoch, model_id, 10, timestamptz '2026-11-01T00:00Z' + first * interval '1 hour'
FROM domains, generate_series(1, 91, 10) first WHERE domain = 'law'
"""


def hours(number: int) -> datetime:
    return datetime(2026, 11, 1, tzinfo=UTC) + timedelta(hours=number)


@pytest.mark.parametrize(
    ("target", "position"),
    [
        pytest.param(0, 0, id="beginning"),
        pytest.param(100, 100, id="head"),
        pytest.param("now", 100, id="now"),
        pytest.param(hours(-1), 0, id="before all"),
        pytest.param(hours(31), 30, id="at a commit"),
        pytest.param(hours(32), 40, id="between commits"),
        pytest.param(hours(500), 100, id="after all"),
    ],
)
def test_a_subscription_continues_where_it_is_set(database: Database, target: StartPoint, position: int) -> None:
    def work(cursor: Cursor) -> tuple[int, object]:
        cursor.execute(TIMES)
        found = seek_subscription(cursor, "law", "free", target)
        return found, [entry["position"] for entry in list_subscriptions(cursor, retention_s=0)]

    assert database.repeat(work) == (position, [40, position, 40])


@pytest.mark.parametrize(
    ("name", "target", "error"),
    [
        pytest.param("held", 0, LeaseHeld, id="held"),
        pytest.param("free", 101, BeyondHead, id="beyond the head"),
        pytest.param("unknown", 0, NotFound, id="unknown"),
        pytest.param("a\0b", 0, NotFound, id="no name"),
    ],
)
def test_a_position_that_cannot_be_set_is_an_error(
    database: Database, name: str, target: int, error: type[PcWorkerError]
) -> None:
    with pytest.raises(error):
        database.repeat(lambda cursor: seek_subscription(cursor, "law", name, target))


def test_a_lease_of_before_the_clock_was_set_back_is_no_lease(database: Database) -> None:
    with database.transaction() as cursor:
        cursor.execute("UPDATE subscriptions SET held_until = now() + interval '2 h' WHERE name = 'held'")

    assert database.repeat(lambda cursor: seek_subscription(cursor, "law", "held", 0)) == 0


SHORTLY = """
DELETE FROM log_batches WHERE domain = 'law';
INSERT INTO log_batches (domain, first_position, last_position, epoch, model_id, nonce, committed_at)
SELECT domain, first, first + 9, epoch, model_id, 10,
       timestamptz '2026-11-01T00:00Z' + (first - first % 20) * interval '1 ms'
FROM domains, generate_series(1, 91, 10) first WHERE domain = 'law'
"""


@pytest.mark.parametrize(("ms", "position"), [(60, 40), (61, 60), (62, 60), (81, 80), (130, 80), (181, 100)])
def test_a_time_begins_with_the_batches_that_may_have_been_committed_after_it(
    database: Database, ms: int, position: int
) -> None:
    def work(cursor: Cursor) -> int:
        cursor.execute(SHORTLY)
        return seek_subscription(cursor, "law", "free", datetime(2026, 11, 1, tzinfo=UTC) + timedelta(milliseconds=ms))

    assert database.repeat(work) == position
