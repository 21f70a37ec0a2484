"""Dead letters of consumers: listed, retried, dropped; ended by a newer version, a deletion or a dropped consumer."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest

from pc_worker.errors import NotFound
from pc_worker.services.forget import forget_ids, forget_source
from pc_worker.services.nacked_rows import all_nacked, drop_nacked, nacked_document, nacked_page, retry_nacked
from pc_worker.services.subscriptions import all_subscriptions, drop_subscription
from pc_worker.store.log.nacked_rows import NackedFilter, purge_nacked
from tests.model.line import DOMAIN, Line
from tests.support.locks import wait_for_waiting_statement

SUBSCRIBE = """
INSERT INTO subscriptions (domain, name, position, epoch) SELECT domain, %s, head, epoch FROM domains WHERE domain = %s
"""
NACK = """
INSERT INTO nacked_rows (domain, name, row_id, position, deliveries, reason, due_at)
SELECT domain, %s, row_id, position, 5, 'no room', %s FROM log WHERE row_id = %s AND superseded_by IS NULL
"""
OURS = NackedFilter(domains=(DOMAIN,), name="java")


@pytest.fixture(autouse=True)
def _rows(line: Line) -> None:
    """Write rows, two dead letters of one consumer and a row that waits, and a dead letter of another."""
    line.ingest([{"id": key, "text": f"text of {key}"} for key in "abcd"])
    for name in ("java", "other"):
        line.query(SUBSCRIBE, name, DOMAIN)
    for key, due_at in (("a", None), ("b", None), ("c", "2999-01-01")):
        line.query(NACK, "java", due_at, line.row_id(key))
    line.query(NACK, "other", None, line.row_id("a"))


def _dead(line: Line, wanted: NackedFilter = OURS) -> set[str]:
    return {row.row_id for row in all_nacked(line.services, wanted, state="dead", with_rows=False)}


def test_dead_letters_are_listed_with_their_rows(line: Line) -> None:
    wanted = NackedFilter(domains=(DOMAIN,), name="java", row_ids=[UUID(line.row_id("a"))])
    (found,) = nacked_page(line.services, wanted, with_rows=True, limit=5)
    waiting = list(all_nacked(line.services, OURS, state="waiting", with_rows=False))

    document = nacked_document(found)
    names = ("subscription", "row_id", "position", "state", "deliveries", "reason")
    assert [document[name] for name in names] == ["java", line.row_id("a"), 1, "dead", 5, "no room"]
    assert document["row"] == line.query("SELECT payload FROM rows WHERE row_id = %s", line.row_id("a"))[0][0]
    assert [row.row_id for row in waiting] == [line.row_id("c")]
    assert len(_dead(line, NackedFilter())) == 2
    counted = {one["name"]: one["dead"] for one in all_subscriptions(line.services, retention_s=0)}
    assert counted == {"java": 2, "other": 1}


def test_pages_joined_are_the_whole_list(line: Line) -> None:
    first = nacked_page(line.services, NackedFilter(), state=None, limit=2)
    rest = nacked_page(line.services, NackedFilter(), state=None, after=first[-1].place, limit=9)

    assert len(first) == len(rest) == 2
    places = [row.place for row in [*first, *rest]]
    assert places == sorted(set(places))


@pytest.mark.parametrize("row_ids", [True, False])
def test_a_retry_makes_dead_letters_due_and_counts_anew(line: Line, row_ids: bool) -> None:
    ids = [UUID(line.row_id(key)) for key in "ab"] if row_ids else None

    count = retry_nacked(line.services, NackedFilter(domains=(DOMAIN,), name="java", row_ids=ids))

    assert count == 2
    assert _dead(line) == set()
    due = line.query("SELECT deliveries, due_at <= now() FROM nacked_rows WHERE due_at < '2900-01-01'")
    assert due == [(0, True), (0, True)]
    assert _dead(line, NackedFilter(name="other")) == {line.row_id("a")}


def test_a_dropped_dead_letter_is_gone_but_not_those_of_other_consumers(line: Line) -> None:
    wanted = NackedFilter(domains=(DOMAIN,), name="java", row_ids=[UUID(line.row_id("a"))])

    assert drop_nacked(line.services, wanted) == 1

    assert _dead(line) == {line.row_id("b")}
    assert _dead(line, NackedFilter(name="other")) == {line.row_id("a")}


@pytest.mark.parametrize("act", [retry_nacked, drop_nacked])
def test_with_a_row_that_is_no_dead_letter_nothing_is_done(line: Line, act: Callable[..., int]) -> None:
    for other in (uuid4(), UUID(line.row_id("c")), UUID(line.row_id("d"))):
        with pytest.raises(NotFound, match="nothing was done"):
            act(line.services, NackedFilter(domains=(DOMAIN,), name="java", row_ids=[UUID(line.row_id("a")), other]))

    assert _dead(line) == {line.row_id("a"), line.row_id("b")}


@pytest.mark.parametrize(
    ("domain", "name"),
    [
        ("nothing", "java"),
        (DOMAIN, "nothing"),
        (DOMAIN, "\0"),
        ("\0", "java"),
    ],
)
def test_an_unknown_subscription_is_an_error(line: Line, domain: str, name: str) -> None:
    wanted = NackedFilter(domains=(domain,), name=name)
    for act in (retry_nacked, drop_nacked, lambda services, one: nacked_page(services, one, limit=1)):
        with pytest.raises(NotFound):
            act(line.services, wanted)


def _newer(line: Line) -> None:
    line.ingest([{"id": "a", "text": "another text"}])


def _forgotten(line: Line) -> None:
    forget_ids(line.database, DOMAIN, [UUID(line.row_id("a"))])


def _source_forgotten(line: Line) -> None:
    forget_source(line.database, DOMAIN, "shelf")


@pytest.mark.parametrize(("end", "left"), [(_newer, "b"), (_forgotten, "b"), (_source_forgotten, "")])
def test_what_ends_the_row_ends_its_dead_letter(line: Line, end: Callable[[Line], Any], left: str) -> None:
    ids = {key: line.row_id(key) for key in "ab"}

    end(line)

    assert _dead(line) == {ids[key] for key in left}
    assert _dead(line, NackedFilter(name="other")) == set()
    if end is not _newer:
        stored = {row_id for (row_id,) in line.query("SELECT row_id::text FROM nacked_rows")}
        assert ids["a"] not in stored, "a reason may quote the row"


def test_dead_letters_end_with_their_consumer(line: Line) -> None:
    drop_subscription(line.services, DOMAIN, "java")

    assert line.query("SELECT DISTINCT name FROM nacked_rows") == [("other",)]


def test_upkeep_removes_what_is_superseded_and_what_has_no_consumer(line: Line) -> None:
    _newer(line)
    line.query("DELETE FROM subscriptions WHERE name = 'other'")

    with line.database.transaction() as cursor:
        removed = purge_nacked(cursor)

    assert removed == 2
    assert line.query("SELECT count(*) FROM nacked_rows") == [(2,)]


def test_a_newer_version_that_is_nacked_while_the_nack_before_is_removed_stays(line: Line) -> None:
    _newer(line)  # the nacks of "a" are of an old version
    removing, nacking, removed, row_id = line.aside(), line.aside(), list[int](), line.row_id("a")

    def work() -> None:
        with removing.transaction() as cursor:
            removed.append(purge_nacked(cursor))

    purge = threading.Thread(target=work)
    with nacking.transaction() as cursor:
        cursor.execute("SELECT 1 FROM nacked_rows WHERE name = 'java' AND row_id = %s FOR UPDATE", (row_id,))
        purge.start()
        wait_for_waiting_statement(line.database_url)
        line.ingest([{"id": "a", "text": "the newest text"}])  # an entry of the log that the purge does not see
        cursor.execute(
            "UPDATE nacked_rows n SET position = l.position, nacked_at = clock_timestamp() FROM log l"
            " WHERE n.name = 'java' AND l.superseded_by IS NULL AND l.row_id = n.row_id AND n.row_id = %s",
            (row_id,),
        )
    purge.join(timeout=60)

    assert removed == [1], "the other consumer's"
    assert _dead(line) == {row_id, line.row_id("b")}
    removing.close()
    nacking.close()
