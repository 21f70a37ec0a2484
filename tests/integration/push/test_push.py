"""A domain's log reaches a stock batch server whole, whatever fails on the way."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from pc_worker.errors import ContractBroken, InvalidRequest, NotFound, Unavailable
from pc_worker.push import Pace, stock_domains
from pc_worker.services import push as service
from pc_worker.services.push import Pushed, PushRequest
from pc_worker.services.push import push as do_push
from pc_worker.services.push_refusals import drop_refused, list_refused, retry_refused
from pc_worker.store.connection import Database
from pc_worker.store.push_checkpoints import only_push
from tests.integration.push.conftest import QUICK
from tests.integration.push.domain_log import DomainLog, assert_stored, row_id
from tests.support.batch_server import StockBatchServer

NewLog = Callable[[str], DomainLog]


@pytest.fixture(autouse=True)
def _short_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few rows a call, so that small logs need many."""
    monkeypatch.setattr(service, "CALL_ROWS", 20)


def push(
    database: Database, server: StockBatchServer, domain: str, *, pace: Pace = QUICK, after: int | str | None = None
) -> Pushed:
    return do_push(database, PushRequest(domain=domain, after=after), servers=(server.address,), pace=pace)


def checkpoint(database: Database, server: StockBatchServer, domain: str) -> int | None:
    with database.transaction() as cursor:
        cursor.execute(
            "SELECT position FROM push_checkpoints WHERE domain = %s AND address = %s", (domain, server.address)
        )
        row = cursor.fetchone()
    return None if row is None else int(row[0])


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


def test_poison_rows_are_isolated_and_the_rest_arrives(
    database: Database, server: StockBatchServer, new_log: NewLog
) -> None:
    log = new_log("recruit")
    poison = {0, 17, 18, 59}
    log.write(range(60))
    log.write(poison, company_name="poison")
    server.tables.rejects = lambda row: row["company_name"] == "poison"

    done = push(database, server, "recruit")

    assert (done.state, done.rows, done.refused) == ("complete", 56, 4)
    assert_stored(server.tables, log, except_for=poison)
    refused = list_refused(database, "job-recruit")
    assert {refusal.row_id for refusal in refused} == {str(row_id("recruit", number)) for number in poison}
    assert all("INTERNAL" in refusal.reason and refusal.job_id == "job-recruit" for refusal in refused)


def test_rows_that_can_not_be_stored_are_set_aside_without_asking_the_server(
    database: Database, server: StockBatchServer, new_log: NewLog
) -> None:
    log = new_log("skill_dic")
    log.write(range(4))
    log.write([4], position_category="  ")
    log.write([5], position_category="x" * 4_000_000)

    done = push(database, server, "skill_dic")

    assert (done.rows, done.refused) == (4, 2)
    assert_stored(server.tables, log, except_for=[4, 5])
    blank, large = list_refused(database, None)
    assert "blank" in blank.reason
    assert "4,000,000" in large.reason
    assert len(server.calls) == 1


def test_equal_skills_come_in_separate_messages(database: Database, server: StockBatchServer, new_log: NewLog) -> None:
    """Two rows may share what the server's upsert goes by only if they came under two keys: still nothing fails."""
    log = new_log("skill_dic")
    log.write(range(3), skill="python")

    assert push(database, server, "skill_dic").rows == 3
    assert [len(call.chunks) for call in server.calls] == [3]
    assert set(server.tables.skill_embedding_dic) == {"python"}


def test_an_ill_server_takes_nothing_and_no_row_is_blamed(
    database: Database, server: StockBatchServer, new_log: NewLog
) -> None:
    log = new_log("recruit")
    log.write(range(50))
    server.mood.ill = True

    with pytest.raises(Unavailable, match="takes no recruit row at all"):
        push(database, server, "recruit")
    assert list_refused(database, None) == []
    assert checkpoint(database, server, "recruit") is None

    server.mood.ill = False
    assert push(database, server, "recruit").rows == 50
    assert_stored(server.tables, log)


def test_a_server_that_falls_ill_on_the_way_blames_no_row(
    database: Database, server: StockBatchServer, new_log: NewLog
) -> None:
    log = new_log("recruit")
    log.write(range(50))

    def fall_ill(row: dict[str, Any]) -> bool:
        server.mood.ill = server.mood.ill or row["position"] == "개발자 33"
        return server.mood.ill

    server.tables.rejects = fall_ill

    with pytest.raises(Unavailable):
        push(database, server, "recruit")
    assert list_refused(database, None) == []
    assert checkpoint(database, server, "recruit") == 20


def test_a_server_killed_mid_way_is_fed_on_from_the_last_acknowledgement(
    database: Database, server: StockBatchServer, new_log: NewLog
) -> None:
    log = new_log("recruit")
    log.write(range(100))
    server.mood.dies_after = 3

    with pytest.raises(Unavailable, match="does not answer"):
        push(database, server, "recruit")
    assert checkpoint(database, server, "recruit") == 40

    server.start()
    done = push(database, server, "recruit")
    assert (done.state, done.rows) == ("complete", 60)
    assert_stored(server.tables, log)


def test_a_server_that_comes_back_soon_is_waited_for(
    database: Database, server: StockBatchServer, new_log: NewLog
) -> None:
    log = new_log("candidate")
    log.write(range(60))
    server.kill()
    back = threading.Timer(0.5, server.start)
    back.start()

    done = push(database, server, "candidate", pace=replace(QUICK, away_attempts=200, pause_s=0.1, longest_pause_s=0.1))

    back.join()
    assert done.rows == 60
    assert_stored(server.tables, log)


def test_a_server_that_received_less_than_was_sent_has_acknowledged_nothing(
    database: Database, server: StockBatchServer, new_log: NewLog
) -> None:
    new_log("recruit").write(range(5))
    server.mood.forgets = True

    with pytest.raises(Unavailable, match="0 chunks received of 1 sent"):
        push(database, server, "recruit")
    assert checkpoint(database, server, "recruit") is None


def test_a_push_whose_time_is_up_ends_at_an_acknowledgement(
    database: Database, server: StockBatchServer, new_log: NewLog
) -> None:
    log = new_log("recruit")
    log.write(range(50))
    hasty = replace(QUICK, run_s=0.0)

    states = [push(database, server, "recruit", pace=hasty) for _ in range(3)]

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
def test_a_place_that_is_not_in_the_log_is_refused(
    database: Database, server: StockBatchServer, new_log: NewLog, after: int | str, error: type[Exception]
) -> None:
    new_log("recruit").write(range(3))

    with pytest.raises(error):
        push(database, server, "recruit", after=after)


def test_a_log_that_began_anew_is_pushed_from_its_start(
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

    with only_push(other, "recruit", server.address) as alone:
        assert alone
        assert push(database, server, "recruit").state == "busy"
        assert push(database, server, "candidate").state == "complete"
    assert push(database, server, "recruit").rows == 3
    with only_push(other, "recruit", server.address):
        other.close()
        assert push(database, server, "recruit").state == "complete"


def test_two_servers_have_checkpoints_of_their_own(
    database: Database, server: StockBatchServer, new_log: NewLog
) -> None:
    log = new_log("recruit")
    log.write(range(5))
    push(database, server, "recruit")
    with StockBatchServer() as second:
        request = PushRequest(domain="recruit", address=second.address)

        done = do_push(database, request, servers=(server.address, second.address), pace=QUICK)

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


def test_a_refused_row_is_sent_again_on_request_as_it_is_now(
    database: Database, server: StockBatchServer, new_log: NewLog
) -> None:
    log = new_log("recruit")
    log.write(range(5))
    server.tables.rejects = lambda row: row["position"] in ("개발자 2", "개발자 3")
    push(database, server, "recruit")
    server.tables.rejects = lambda row: row["position"] == "개발자 3"

    again = retry_refused(database, None, servers=(server.address,), pace=QUICK)

    assert [result.reason is None for result in again] == [True, False]
    assert_stored(server.tables, log, except_for=[3])
    (kept,) = list_refused(database, None)
    assert kept.row_id == str(row_id("recruit", 3))


def test_a_refusal_ends_when_a_later_version_is_taken_or_the_row_is_forgotten_or_it_is_dropped(
    database: Database, server: StockBatchServer, new_log: NewLog
) -> None:
    log = new_log("recruit")
    log.write(range(6))
    server.tables.rejects = lambda row: row["position"] in ("개발자 1", "개발자 2", "개발자 3")
    push(database, server, "recruit")

    log.write([1], position="good")
    log.forget([2])
    push(database, server, "recruit")

    assert [refusal.row_id for refusal in list_refused(database, None)] == [str(row_id("recruit", 3))]
    assert_stored(server.tables, log, except_for=[3])
    assert drop_refused(database, "another job") == 0
    assert drop_refused(database, None) == 1


def test_a_single_refused_row_at_the_end_is_told_from_an_ill_server_by_a_row_of_an_earlier_push(
    database: Database, server: StockBatchServer, new_log: NewLog
) -> None:
    log = new_log("candidate")
    log.write(range(3))
    push(database, server, "candidate")
    log.write([3], position_category="poison")
    server.tables.rejects = lambda row: row["position_category"] == "poison"

    assert push(database, server, "candidate").refused == 1
    assert_stored(server.tables, log, except_for=[3])
