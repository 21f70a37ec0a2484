"""A reader's end: closing from another thread, and a standby's patience, against a real gateway."""

from __future__ import annotations

import pytest

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
}


@pytest.fixture(scope="module")
def lives(java: Java, stack: LiveStack, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Run all scenarios in one JVM; return the outcome of each."""
    source = write_documents(tmp_path_factory.mktemp("life") / "d.pkl", ["one", "two", "three"])
    assert stack.ingest(source, DOMAIN, "--id-column", "id")["state"] == "completed"
    done = java.run("Life", stack.addresses.gateway, DOMAIN, *EXPECTED)
    assert done.returncode == 0, done.stderr
    return dict(line.split(" ", 1) for line in done.stdout.splitlines())


@pytest.mark.parametrize("scenario", EXPECTED)
def test_a_reader_ends_as_documented(lives: dict[str, str], scenario: str) -> None:
    assert lives[scenario] == EXPECTED[scenario]


def test_what_was_committed_before_a_close_is_stored(lives: dict[str, str], stack: LiveStack) -> None:
    head = stack.query("SELECT head FROM domains WHERE domain = %s", DOMAIN)[0][0]

    stored = stack.query("SELECT position FROM subscriptions WHERE name = 'close-reader'")

    assert stored == [(head,)]
