"""Bad rows are set aside, bad servers are not mistaken for them, and nothing is lost on the way."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pc_worker.errors import Unavailable
from pc_worker.services.push.rejections import drop_rejected, list_rejected, retry_rejected
from pc_worker.store.db.connection import Database
from pc_worker.store.ledger.letter_filter import LetterFilter
from pc_worker.store.log.push_state import PushRejection, record_rejections
from tests.integration.push.domain_log import assert_stored, row_id
from tests.integration.push.pushing import QUICK, NewLog, checkpoint, push
from tests.support.batch_server import StockBatchServer
from tests.support.stack import environment, run_command

#: Sorts before the address of any server here; nothing listens there.
GONE = "127.0.0.1:1"

pytestmark = pytest.mark.usefixtures("short_calls")


def test_rows_that_are_not_accepted_are_isolated_and_the_rest_arrives(
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
    refused = list_rejected(database, LetterFilter(job_id="job-recruit"))
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
    blank, large = list_rejected(database, LetterFilter())
    assert "blank" in blank.reason
    assert "4,000,000" in large.reason
    assert len(server.calls) == 1


def test_a_failed_server_accepts_nothing_and_no_row_is_set_aside(
    database: Database, server: StockBatchServer, new_log: NewLog
) -> None:
    log = new_log("recruit")
    log.write(range(50))
    server.mood.ill = True

    with pytest.raises(Unavailable, match="takes no recruit row at all"):
        push(database, server, "recruit")
    assert list_rejected(database, LetterFilter()) == []
    assert checkpoint(database, server, "recruit") is None

    server.mood.ill = False
    assert push(database, server, "recruit").rows == 50
    assert_stored(server.tables, log)


def test_a_server_that_fails_during_a_push_sets_no_row_aside(
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
    assert list_rejected(database, LetterFilter()) == []
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

    done = push(
        database, server, "candidate", limits=replace(QUICK, unavailable_attempts=200, pause_s=0.1, longest_pause_s=0.1)
    )

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


def test_a_rejected_row_is_sent_again_on_request_in_its_present_version(
    database: Database, server: StockBatchServer, new_log: NewLog
) -> None:
    log = new_log("recruit")
    log.write(range(5))
    server.tables.rejects = lambda row: row["position"] in ("개발자 2", "개발자 3")
    push(database, server, "recruit")
    server.tables.rejects = lambda row: row["position"] == "개발자 3"

    again = list(retry_rejected(database, LetterFilter(), servers=(server.address,), limits=QUICK))

    assert [result.reason is None for result in again] == [True, False]
    assert_stored(server.tables, log, except_for=[3])
    (kept,) = list_rejected(database, LetterFilter())
    assert kept.row_id == str(row_id("recruit", 3))


def test_a_server_that_does_not_answer_keeps_no_row_from_another(
    database: Database, server: StockBatchServer, new_log: NewLog
) -> None:
    log = new_log("recruit")
    log.write(range(3))
    server.tables.rejects = lambda row: row["position"] == "개발자 2"
    push(database, server, "recruit")
    (rejected,) = list_rejected(database, LetterFilter())
    same = PushRejection(row_id=rejected.row_id, position=rejected.position, reason="no")
    with database.transaction() as cursor:
        record_rejections(cursor, "recruit", GONE, [same])
    server.tables.rejects = lambda row: False

    again = retry_rejected(database, LetterFilter(), servers=(GONE, server.address), limits=QUICK)

    assert next(again).reason is None
    with pytest.raises(Unavailable):
        next(again)
    assert [kept.address for kept in list_rejected(database, LetterFilter())] == [GONE]
    assert_stored(server.tables, log)


def test_a_rejection_ends_when_a_later_version_is_accepted_or_the_row_is_forgotten_or_it_is_dropped(
    database: Database, server: StockBatchServer, new_log: NewLog
) -> None:
    log = new_log("recruit")
    log.write(range(6))
    server.tables.rejects = lambda row: row["position"] in ("개발자 1", "개발자 2", "개발자 3")
    push(database, server, "recruit")

    log.write([1], position="good")
    log.forget([2])
    push(database, server, "recruit")

    assert [refusal.row_id for refusal in list_rejected(database, LetterFilter())] == [str(row_id("recruit", 3))]
    assert_stored(server.tables, log, except_for=[3])
    assert drop_rejected(database, LetterFilter(job_id="another job")) == 0
    assert drop_rejected(database, LetterFilter()) == 1


def test_a_row_of_an_earlier_push_shows_that_a_rejected_last_row_is_at_fault_and_not_the_server(
    database: Database, server: StockBatchServer, new_log: NewLog
) -> None:
    log = new_log("candidate")
    log.write(range(3))
    push(database, server, "candidate")
    log.write([3], position_category="poison")
    server.tables.rejects = lambda row: row["position_category"] == "poison"

    assert push(database, server, "candidate").refused == 1
    assert_stored(server.tables, log, except_for=[3])


def test_dead_shows_retries_and_drops_what_a_batch_server_rejected(
    database: Database, database_url: str, server: StockBatchServer, new_log: NewLog, tmp_path: Path
) -> None:
    log = new_log("skill_dic")
    log.write(range(4))
    server.tables.rejects = lambda row: row["skill"] in ("skill 1", "skill 2")
    push(database, server, "skill_dic")
    env = environment(
        tmp_path,
        PC_WORKER_DATABASE_URL=database_url,
        PC_WORKER_REDIS_URL="redis://127.0.0.1:1",
        PC_WORKER_DATA_ROOTS=str(tmp_path),
        PC_WORKER_BATCH_SERVERS=server.address,
    )

    listed = run_command("dead", "list", "--json", env=env).json()
    server.tables.rejects = lambda row: row["skill"] == "skill 2"
    retried = run_command("dead", "retry", "--json", env=env)
    dropped = run_command("dead", "drop", "--job", "job-skill_dic", "--json", env=env).json()

    assert [(letter["row_no"], letter["row"]["skill"]) for letter in listed] == [(None, "skill 1"), (None, "skill 2")]
    assert all(letter["reason"].startswith(f"batch server {server.address}: INTERNAL") for letter in listed)
    assert retried.code == 1
    assert [result["outcome"] for result in retried.json()] == ["written", "dead"]
    assert dropped == {"dropped": 1}
    assert_stored(server.tables, log, except_for=[2])
