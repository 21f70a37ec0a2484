"""A reader's end: closing from another thread, and a standby's patience, against a real gateway."""

from __future__ import annotations

import re
import subprocess
import threading
from collections.abc import Iterator

import grpc
import pytest

from pc_worker.wire.generated import embedding_stream_pb2 as pb
from tests.java.fake_gateway import Delivery, FakeGateway
from tests.support.frames import write_documents
from tests.support.java import Java
from tests.support.stack import LiveStack

pytestmark = pytest.mark.java

DOMAIN = "document"
CLOSED = "ReaderClosedException"
EXPECTED = {
    "close-reader": f"read={CLOSED} close=closed again={CLOSED} committed={CLOSED}",
    "close-gateway": f"read={CLOSED} close=closed again={CLOSED} committed={CLOSED} open={CLOSED}",
    "close-plain": f"again={CLOSED} reopened=entry gone={CLOSED}",
    "successor": f"undisturbed=true read={CLOSED}",
    "standby": "meanwhile=waits then=entry",
    "close-frozen": f"read={CLOSED} close=closed again={CLOSED} committed={CLOSED}",
}


@pytest.fixture(scope="module")
def life(java: Java, stack: LiveStack, tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    """Run all scenarios in one JVM."""
    source = write_documents(tmp_path_factory.mktemp("life") / "d.pkl", ["one", "two", "three"])
    assert stack.ingest(source, DOMAIN, "--id-column", "id")["state"] == "completed"
    suspended = f"close-frozen:{stack.addresses.pids['gateway']}"
    scenarios = [suspended if name == "close-frozen" else name for name in EXPECTED]
    done = java.run("Life", stack.addresses.gateway, DOMAIN, *scenarios, "slow")
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="module")
def lives(life: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """Return the outcome of each scenario."""
    return dict(line.split(" ", 1) for line in life.stdout.splitlines())


@pytest.mark.parametrize("scenario", EXPECTED)
def test_a_reader_ends_as_documented(lives: dict[str, str], scenario: str) -> None:
    assert lives[scenario] == EXPECTED[scenario]


def test_a_consumer_that_is_too_slow_loses_its_call_and_no_row(lives: dict[str, str], stack: LiveStack) -> None:
    entries = stack.query("SELECT count(*) FROM log WHERE domain = %s AND superseded_by IS NULL", DOMAIN)[0][0]

    # A busy machine may be too slow more than once.
    assert re.fullmatch(rf"entries={entries} ordered=true lost=[1-9]\d*", lives["slow"])


def test_what_was_committed_before_a_close_is_stored(life: subprocess.CompletedProcess[str], stack: LiveStack) -> None:
    committed = [int(position) for position in re.findall(r"^close-reader committed (\d+)$", life.stderr, re.MULTILINE)]

    stored = stack.query("SELECT position FROM subscriptions WHERE name = 'close-reader'")

    assert stored == [(committed[-1],)]


def keeps_silent(delivery: Delivery, context: grpc.ServicerContext) -> Iterator[pb.ConsumeResponse]:
    """Answer nothing any more, as a gateway that was suspended: not even the end of the call."""
    yield delivery.chunk(10)
    ended = threading.Event()
    context.add_callback(ended.set)
    ended.wait(30)


def is_away(delivery: Delivery, context: grpc.ServicerContext) -> Iterator[pb.ConsumeResponse]:
    if not delivery.position:
        yield delivery.chunk(10)
    context.abort(grpc.StatusCode.UNAVAILABLE, "the database is away")


def test_a_reader_of_a_suspended_gateway_ends_and_stays_ended(java: Java, fake: FakeGateway) -> None:
    fake.scripts = [keeps_silent]

    done = java.run("Life", fake.address, "recruit", "close-reader")

    assert done.stdout == f"close-reader {EXPECTED['close-reader']}\n"
    assert len(fake.calls) == 1


def test_a_reader_that_waits_for_its_gateway_to_return_ends_at_once(java: Java, fake: FakeGateway) -> None:
    fake.scripts = [is_away]

    done = java.run("Life", fake.address, "recruit", "close-away")

    assert done.stdout == f"close-away {EXPECTED['close-reader']}\n"
    assert "subscription close-away of recruit" in done.stderr
    assert "was lost: the database is away" in done.stderr
    assert "retry 1 in " in done.stderr


def test_a_reader_closed_while_it_asks_for_its_token_calls_nobody(java: Java, fake: FakeGateway) -> None:
    done = java.run("Life", fake.address, "recruit", "close-during-token")

    assert done.stdout == f"close-during-token close=closed read={CLOSED}\n"
    assert fake.calls == []
