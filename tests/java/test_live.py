"""The Java client on a real stack: every row, true nulls, exact resumption."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.java.reading import read_rows
from tests.support.frames import row_uuid, vector, write_recruit
from tests.support.java import Java
from tests.support.stack import LiveStack
from tests.support.waiting import eventually

pytestmark = pytest.mark.java

ROWS = 700
CHANGES: dict[int, dict[str, Any]] = {3: {"Exp Years": None}, 4: {"Primary Keyword": None}}


@pytest.fixture(scope="module")
def recruits(stack: LiveStack, tmp_path_factory: pytest.TempPathFactory) -> LiveStack:
    """Return the session's stack with recruits; other tests may have added more."""
    source = write_recruit(tmp_path_factory.mktemp("recruits") / "r.pkl", ROWS, changes=CHANGES)
    assert stack.ingest(source, "recruit")["state"] == "completed"
    return stack


def log_of(stack: LiveStack, domain: str) -> list[tuple[int, str]]:
    """Position and id of all live rows, in order."""
    found = stack.query(
        "SELECT l.position, l.row_id::text FROM log l WHERE domain = %s AND kind = 0 AND superseded_by IS NULL"
        " ORDER BY position",
        domain,
    )
    return [(int(position), str(identifier)) for position, identifier in found]


def test_the_plain_stream_gives_every_row(java: Java, recruits: LiveStack) -> None:
    read = read_rows(java, gateway=recruits.addresses.gateway, domain="recruit")

    assert read.end == "end"
    assert list(zip(read.positions, read.ids, strict=True)) == log_of(recruits, "recruit")


def test_nulls_are_null_and_vectors_exact(java: Java, recruits: LiveStack) -> None:
    read = read_rows(java, gateway=recruits.addresses.gateway, domain="recruit")
    fields = dict(zip(read.ids, read.fields, strict=True))

    assert fields[row_uuid(3)]["years"] == "null"
    assert fields[row_uuid(3)]["keyword"] == "Python"
    assert fields[row_uuid(4)] | {"years": "5", "keyword": "null", "dimension": "1536"} == fields[row_uuid(4)]
    assert float(fields[row_uuid(4)]["first"]) == pytest.approx(float(vector(4)[0]), abs=1e-6)


@pytest.mark.parametrize("subscription", [None, "java-resume"])
def test_a_reader_killed_mid_way_goes_on_exactly_where_it_committed(
    java: Java, recruits: LiveStack, tmp_path: Path, subscription: str | None
) -> None:
    options: dict[str, object] = {"gateway": recruits.addresses.gateway, "domain": "recruit"}
    options |= {"state": tmp_path / "state", "commit": 90}
    options |= {"subscription": subscription} if subscription else {}
    first = read_rows(java, **options, limit=500)

    second = read_rows(java, **options)

    assert (first.committed, first.end) == (450, "")
    whole = [identifier for _, identifier in log_of(recruits, "recruit")]
    assert first.ids[: first.committed] + second.ids == whole
    assert second.end == "end"


@pytest.mark.parametrize("options", [{}, {"subscription": "s"}], ids=["plain", "acknowledged"])
def test_what_the_gateway_refuses_is_a_typed_error(java: Java, stack: LiveStack, options: dict[str, str]) -> None:
    read = read_rows(java, gateway=stack.addresses.gateway, domain="nope", **options)

    assert read.end.startswith("error RequestRefusedException ")


def test_a_reader_ends_when_its_subscription_is_dropped(java: Java, recruits: LiveStack, tmp_path: Path) -> None:
    options = {"gateway": recruits.addresses.gateway, "domain": "recruit", "subscription": "java-dropped"}
    arguments = [f"{name}={value}" for name, value in options.items()]
    output = tmp_path / "output"
    with output.open("wb") as log, java.start("ReadRows", *arguments, "follow=1", log=log) as process:
        eventually(lambda: b"commit" in output.read_bytes(), what="rows that the reader committed")
        recruits.run("subscriptions", "drop", "--domain", "recruit", "java-dropped")
        process.wait(30)

    last = output.read_text().splitlines()[-1]
    assert last.startswith("error SubscriptionDroppedException subscription java-dropped of recruit was dropped")
    assert recruits.query("SELECT 1 FROM subscriptions WHERE name = 'java-dropped'") == []


def test_the_gateway_keeps_the_checkpoint_of_a_client_that_does_not(java: Java, recruits: LiveStack) -> None:
    options = {"gateway": recruits.addresses.gateway, "domain": "recruit", "checkpoint": "GATEWAY"}
    first = read_rows(java, **options, subscription="java-checkpoint", commit=100)

    second = read_rows(java, **options, subscription="java-checkpoint")

    head = recruits.query("SELECT head FROM domains WHERE domain = 'recruit'")[0][0]
    checkpoint = recruits.query("SELECT position FROM subscriptions WHERE name = 'java-checkpoint'")
    assert [identifier for _, identifier in log_of(recruits, "recruit")] == [
        line[2] for line in first.lines if line[0] == "row"
    ]
    assert checkpoint == [(head,)]
    assert (second.lines, second.end) == ([], "end")

    recruits.run("subscriptions", "seek", "--domain", "recruit", "--beginning", "java-checkpoint")
    again = read_rows(java, **options, subscription="java-checkpoint")
    assert (again.ids, again.end) == (first.ids, "end")
