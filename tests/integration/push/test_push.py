"""A domain's log reaches a stock batch server whole, once, and only where it may."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from pc_worker.errors import ContractBroken, InvalidRequest, NotFound
from pc_worker.push import BatchServer, stock_domains
from pc_worker.services.push import push as service
from pc_worker.services.push.push import PushRequest
from pc_worker.services.push.push import push as do_push
from pc_worker.store.db.connection import Database
from pc_worker.store.db.look_ups import BY_KEY
from pc_worker.store.log import push_log
from pc_worker.store.log.push_state import push_lock
from tests.integration.push.domain_log import DomainLog, assert_stored, row_id
from tests.integration.push.pushing import QUICK, NewLog, checkpoint, push
from tests.support.batch_server import StockBatchServer
from tests.support.waiting import eventually

pytestmark = pytest.mark.usefixtures("short_calls")


@pytest.mark.parametrize("domain", stock_domains())
def test_every_row_arrives_with_every_field_and_the_very_vector(
    database: Database, server: StockBatchServer, new_log: NewLog, domain: str
) -> None:
    log = new_log(domain)
    log.write(range(30))
    log.write(range(30, 70))

    done = push(database, server, domain)

    assert (done.state, done.rows, done.refused, done.position, done.head) == ("complete", 70, 0, 70, 70)
    assert_stored(server.tables, log)
    assert checkpoint(database, server, domain) == 70


def test_calls_are_short_and_may_take_forty_minutes(
    database: Database, server: StockBatchServer, new_log: NewLog
) -> None:
    log = new_log("recruit")
    log.write(range(50))

    push(database, server, "recruit")

    assert [len(call.chunks) for call in server.calls] == [1, 1, 1]
    assert all(call.answered and call.vector_dimension == 1536 for call in server.calls)
    assert min(call.deadline_s for call in server.calls) > 40 * 60 - 60


def test_no_message_exceeds_four_million_bytes(
    database: Database, server: StockBatchServer, new_log: NewLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "CALL_ROWS", 1000)
    log = new_log("candidate")
    log.write(range(6), moreinfo="x" * 1_500_000)

    done = push(database, server, "candidate")

    assert done.rows == 6
    assert [[len(chunk) // 1_500_000 for chunk in call.chunks] for call in server.calls] == [[2, 2, 2]]
    assert_stored(server.tables, log)


def test_a_second_push_sends_only_what_is_new(database: Database, server: StockBatchServer, new_log: NewLog) -> None:
    log = new_log("skill_dic")
    log.write(range(5))
    push(database, server, "skill_dic")
    server.calls.clear()

    assert push(database, server, "skill_dic").rows == 0
    assert server.calls == []
    log.write(range(4, 8), position_category="changed")
    assert push(database, server, "skill_dic").rows == 4

    assert_stored(server.tables, log)


def test_a_domain_without_a_log_is_complete(database: Database, server: StockBatchServer, new_log: NewLog) -> None:
    new_log("recruit")

    assert push(database, server, "recruit").state == "complete"


def test_a_changed_row_is_sent_once_in_its_newest_version_and_a_deleted_one_not_at_all(
    database: Database, server: StockBatchServer, new_log: NewLog
) -> None:
    log = new_log("recruit")
    log.write(range(10))
    log.write([3], position="newer")
    log.forget([5, 9])

    done = push(database, server, "recruit")

    assert (done.rows, done.position) == (8, 13)
    assert_stored(server.tables, log)


def test_equal_skills_come_in_separate_messages(database: Database, server: StockBatchServer, new_log: NewLog) -> None:
    """Two rows may share what the server's upsert goes by only if they came under two keys: still nothing fails."""
    log = new_log("skill_dic")
    log.write(range(3), skill="python")

    assert push(database, server, "skill_dic").rows == 3
    assert [len(call.chunks) for call in server.calls] == [3]
    assert set(server.tables.skill_embedding_dic) == {"python"}


def test_a_push_whose_time_is_up_ends_at_an_acknowledgement(
    database: Database, server: StockBatchServer, new_log: NewLog
) -> None:
    log = new_log("recruit")
    log.write(range(50))
    hasty = replace(QUICK, run_s=0.0)

    states = [push(database, server, "recruit", limits=hasty) for _ in range(3)]

    assert [(done.state, done.position) for done in states] == [("more", 20), ("more", 40), ("complete", 50)]
    assert_stored(server.tables, log)


def test_after_sends_again_and_leaves_the_checkpoint_alone(
    database: Database, server: StockBatchServer, new_log: NewLog
) -> None:
    log = new_log("recruit")
    log.write(range(30))
    push(database, server, "recruit")
    server.tables.recruit.clear()
    log.write(range(30, 35))

    assert push(database, server, "recruit", after=0).rows == 35
    assert push(database, server, "recruit", after=33).rows == 2
    assert push(database, server, "recruit", after=str(row_id("recruit", 24))).rows == 10
    assert checkpoint(database, server, "recruit") == 30
    assert_stored(server.tables, log)


@pytest.mark.parametrize(
    ("after", "error"),
    [
        (36, InvalidRequest),
        (-1, InvalidRequest),
        ("yesterday", InvalidRequest),
        ("{6ba7b811-9dad-11d1-80b4-00c04fd430c8}", InvalidRequest),
        ("6ba7b811-9dad-11d1-80b4-00c04fd430c8", NotFound),
    ],
)
def test_a_position_that_is_not_in_the_log_is_rejected(
    database: Database, server: StockBatchServer, new_log: NewLog, after: int | str, error: type[Exception]
) -> None:
    new_log("recruit").write(range(3))

    with pytest.raises(error):
        push(database, server, "recruit", after=after)


def test_a_log_of_a_new_epoch_is_pushed_from_its_start(
    database: Database, server: StockBatchServer, new_log: NewLog
) -> None:
    log = new_log("skill_dic")
    log.write(range(5))
    push(database, server, "skill_dic")
    with database.transaction() as cursor:
        cursor.execute("UPDATE domains SET epoch = %s", (str(uuid4()),))

    assert push(database, server, "skill_dic").rows == 5
    assert push(database, server, "skill_dic").rows == 0


def test_one_push_at_a_time_of_a_domain_to_an_address(
    database: Database, database_url: str, server: StockBatchServer, new_log: NewLog
) -> None:
    for domain in ("recruit", "candidate"):
        new_log(domain)
    DomainLog(database, "recruit").write(range(3))
    DomainLog(database, "candidate").write(range(3))
    other = Database(database_url)

    with push_lock(other, "recruit", server.address) as alone:
        assert alone
        assert push(database, server, "recruit").state == "busy"
        assert push(database, server, "candidate").state == "complete"
    assert push(database, server, "recruit").rows == 3
    with push_lock(other, "recruit", server.address):
        other.close()
        eventually(lambda: push(database, server, "recruit").state == "complete", what="the lock of a lost connection")


def test_rows_sent_without_the_lock_do_not_replace_newer_ones_for_long(
    database: Database, database_url: str, server: StockBatchServer, new_log: NewLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = new_log("recruit")
    log.write(range(30))
    elsewhere = Database(database_url)
    others = DomainLog(elsewhere, "recruit", rows=log.rows)
    call, calls = BatchServer.ingest, list[None]()

    def slow_call(self: BatchServer, *arguments: Any) -> None:
        calls.append(None)
        if len(calls) == 1:  # meanwhile the lock is lost, and another push sends newer rows
            _end_others(elsewhere)
            others.write(range(5), company_name="newer")
            assert push(elsewhere, server, "recruit").state == "complete"
        call(self, *arguments)

    monkeypatch.setattr(BatchServer, "ingest", slow_call)

    first = push(database, server, "recruit")
    second = push(database, server, "recruit")

    assert (first.state, second.state) == ("more", "complete")
    assert_stored(server.tables, log)
    elsewhere.close()


def test_a_push_stops_before_the_next_call_when_its_lock_is_lost(
    database: Database, database_url: str, server: StockBatchServer, new_log: NewLog
) -> None:
    new_log("recruit").write(range(10))
    elsewhere, ended = Database(database_url), list[None]()

    def reject(_: Any) -> bool:
        if not ended:
            ended.append(None)
            _end_others(elsewhere)
        return True

    server.tables.rejects = reject

    assert push(database, server, "recruit").state == "more"
    assert len(server.calls) == 1
    elsewhere.close()


def _end_others(database: Database) -> None:
    """End the sessions of all others, and wait until they are gone."""
    others = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    with database.transaction() as cursor:
        cursor.execute(f"SELECT pg_terminate_backend(pid) {others}")

    def are_gone() -> bool:
        with database.transaction() as cursor:
            cursor.execute(f"SELECT NOT EXISTS (SELECT {others})")
            return cursor.fetchone() == (True,)

    eventually(are_gone, what="the end of the sessions")


def test_two_servers_have_checkpoints_of_their_own(
    database: Database, server: StockBatchServer, new_log: NewLog
) -> None:
    log = new_log("recruit")
    log.write(range(5))
    push(database, server, "recruit")
    with StockBatchServer() as second:
        request = PushRequest(domain="recruit", address=second.address)

        done = do_push(database, request, servers=(server.address, second.address), limits=QUICK)

        assert (done.address, done.rows) == (second.address, 5)
        assert_stored(second.tables, log)


@pytest.mark.parametrize(
    ("servers", "request_", "words"),
    [
        ((), PushRequest(domain="recruit"), "push is off"),
        (("a:1",), PushRequest(domain="recruit", address="b:1"), "b:1 is not among"),
        (("a:1",), PushRequest(domain="document"), "document"),
    ],
)
def test_only_stock_domains_go_and_only_to_allowed_servers(
    database: Database, servers: tuple[str, ...], request_: PushRequest, words: str
) -> None:
    with pytest.raises(InvalidRequest, match=words):
        do_push(database, request_, servers=servers)


def test_vectors_of_another_dimension_are_never_pushed(
    database: Database, server: StockBatchServer, new_log: NewLog
) -> None:
    replace(new_log("recruit"), dimension=8).write([1])

    with pytest.raises(ContractBroken, match="8 numbers"):
        push(database, server, "recruit")


def test_a_window_is_read_by_keys_even_when_the_planner_knows_nothing_of_the_tables(
    database: Database, new_log: NewLog
) -> None:
    """It once read all vectors of the domain for each row of a freshly loaded log."""
    new_log("recruit").write(range(50))
    with database.transaction() as cursor:
        end = push_log.read_end(cursor, "recruit")
        assert end is not None
        values = {"domain": "recruit", "head": 50, "model_id": end.model_id, "dimension": 1536, "after": 0}
        cursor.execute(BY_KEY)
        cursor.execute(f"EXPLAIN {push_log.WINDOW}", values | {"max_rows": 20, "max_bytes": 10**7})
        plan = "\n".join(line for (line,) in cursor.fetchall())

    assert "row_id = d.row_id" in plan
    assert plan.count("Seq Scan") == 0
