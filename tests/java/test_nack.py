"""Rows that a Java consumer cannot store, with a real gateway: redelivered, counted, dead letters, retried."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.java.reading import Read, read_rows
from tests.support.frames import row_uuid, write_recruit
from tests.support.java import Java
from tests.support.stack import LiveStack
from tests.support.waiting import eventually

pytestmark = pytest.mark.java

FIRST, ROWS, POISON = 640_000, 40, 7


@pytest.fixture(scope="module")
def poison(stack: LiveStack, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the id of the row that is refused."""
    source = write_recruit(tmp_path_factory.mktemp("nack") / "rows.pkl", ROWS, first=FIRST)
    assert stack.ingest(source, "recruit")["state"] == "completed"
    return row_uuid(FIRST + POISON)


@pytest.mark.parametrize("checkpoint", ["CLIENT", "GATEWAY"])
def test_a_nacked_row_comes_again_and_the_others_once(
    java: Java, stack: LiveStack, poison: str, tmp_path: Path, checkpoint: str
) -> None:
    name = f"nack-{checkpoint.lower()}"
    options = {
        "gateway": stack.addresses.gateway,
        "domain": "recruit",
        "subscription": name,
        "checkpoint": checkpoint,
        "state": tmp_path / "state",
        "chunk": 50,
        "deliveries": 2,
    }
    letters = ("subscriptions", "dead", "list", "--domain", "recruit", "--subscription", name, "--json")

    first = read_rows(java, nack=poison, **options)
    second = read_rows(java, nack=poison, **options)
    (letter,) = stack.run(*letters).json()
    third = read_rows(java, nack=poison, **options)
    stack.run("subscriptions", "dead", "retry", "--domain", "recruit", name, "--id", poison)
    fourth = read_rows(java, **options)
    fifth = read_rows(java, **options)

    assert [read.end for read in (first, second, third, fourth, fifth)] == ["end"] * 5
    assert first.ids.count(poison) == 1
    assert {row_uuid(FIRST + number) for number in range(ROWS)} <= set(first.ids)
    assert (second.ids, _deliveries(second)) == ([poison], ["2"])
    assert (letter["row_id"], letter["reason"], letter["deliveries"]) == (poison, "delivery 2 does not fit", 2)
    assert third.ids == []
    assert (fourth.ids, _deliveries(fourth)) == ([poison], ["1"])
    assert fifth.ids == []
    assert stack.run(*letters).json() == []


def _deliveries(read: Read) -> list[str]:
    return [line[-1].removeprefix("deliveries=") for line in read.lines]


def test_a_row_that_kills_its_consumer_is_told_by_its_count(java: Java, stack: LiveStack, poison: str) -> None:
    options = {
        "gateway": stack.addresses.gateway,
        "domain": "recruit",
        "subscription": "killed",
        "checkpoint": "GATEWAY",
    }

    read_rows(java, commit=1000, limit=3, **options)
    noticed = "SELECT sent_marks FROM subscriptions WHERE name = 'killed' AND cardinality(sent_marks) > 0"
    eventually(lambda: stack.query(noticed), what="the end of the connection at the gateway")
    again = read_rows(java, rows=5, **options)

    assert _deliveries(again) == ["2"] * 5


def test_a_plain_stream_has_no_nack(java: Java, stack: LiveStack, poison: str) -> None:
    read = read_rows(java, gateway=stack.addresses.gateway, domain="recruit", nack=poison)

    assert read.end.startswith("error UnsupportedOperationException a plain stream has no nack")


@pytest.mark.slow
def test_a_poison_row_among_many_stops_nothing(
    java: Java, own_stack: LiveStack, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    rows = int(os.environ.get("POISON_ROWS", "100000"))
    poison = row_uuid(rows // 20)
    job = own_stack.ingest(write_recruit(tmp_path / "many.pkl", rows), "recruit")
    options = {
        "gateway": own_stack.addresses.gateway,
        "domain": "recruit",
        "subscription": "poisoned",
        "checkpoint": "GATEWAY",
        "deliveries": 3,
    }
    letters = ("--domain", "recruit", "poisoned", "--json")

    began = time.monotonic()
    read = read_rows(java, nack=poison, **options)
    took_s = time.monotonic() - began
    shown = own_stack.run("subscriptions", "dead", "show", *letters).json()
    retried = own_stack.run("subscriptions", "dead", "retry", *letters).json()
    again = read_rows(java, **options)

    at = [number for number, row_id in enumerate(read.ids) if row_id == poison]
    record_property("figures", {"rows": rows, "seconds": round(took_s, 1), "poison came as entry": at})
    assert job["rows_written"] == rows
    assert len(set(read.ids)) == rows
    assert len(read.ids) == rows + 2
    assert [_deliveries(read)[number] for number in at] == ["1", "2", "3"]
    assert at[-1] < rows, "the redeliveries come between the other rows"
    assert [(one["row_id"], one["deliveries"]) for one in shown] == [(poison, 3)]
    assert retried == {"retried": 1}
    assert (again.ids, again.end) == ([poison], "end")
    assert own_stack.run("subscriptions", "dead", "list", "--subscription", "poisoned", "--json").json() == []
