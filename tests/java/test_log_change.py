"""A log that is another one than the reader knew: reported, and dealt with as the settings say; a real gateway."""

from __future__ import annotations

from collections.abc import Iterator

import grpc
import pytest

from pc_worker.wire.generated import embedding_stream_pb2 as pb
from tests.java.fake_gateway import OTHER_EPOCH, Delivery, FakeGateway
from tests.java.reaching import Reached, reach
from tests.support.frames import write_documents
from tests.support.java import Java
from tests.support.stack import LiveStack

pytestmark = pytest.mark.java

DOMAIN = "document"
OTHER = "7b2f0d52-2f3a-4c53-9d1e-0a4f5b6c7d8e"
BEYOND = 10**9


@pytest.fixture(scope="module")
def head(stack: LiveStack, tmp_path_factory: pytest.TempPathFactory) -> int:
    source = write_documents(tmp_path_factory.mktemp("changed") / "d.pkl", ["a log", "that changes"])
    assert stack.ingest(source, DOMAIN, "--id-column", "id")["state"] == "completed"
    return int(stack.query("SELECT head FROM domains WHERE domain = %s", DOMAIN)[0][0])


@pytest.fixture(scope="module")
def reached(java: Java, stack: LiveStack, head: int) -> dict[str, Reached]:
    """Read with positions and epochs of other logs, under each policy."""
    stored: dict[str, object] = {"gateway": stack.addresses.gateway, "domain": DOMAIN, "position": head}
    policies = ("STOP", "RESTART", "CONTINUE")
    cases = {f"epoch-{policy}": stored | {"epoch": OTHER, "policy": policy} for policy in policies}
    cases |= {
        f"beyond-{policy}": stored | {"epoch": OTHER, "policy": policy, "position": BEYOND} for policy in policies
    }
    cases["gateway-RESTART"] = stored | {"epoch": OTHER, "checkpoint": "GATEWAY"}
    return reach(java, {"first": stored | {"position": 0}} | cases)


def live_rows(stack: LiveStack) -> str:
    return str(stack.query("SELECT count(*) FROM rows WHERE domain = %s", DOMAIN)[0][0])


@pytest.mark.parametrize("case", ["epoch-RESTART", "beyond-RESTART", "gateway-RESTART"])
def test_restart_reads_the_new_log_from_its_start(
    reached: dict[str, Reached], stack: LiveStack, head: int, case: str
) -> None:
    before = {"epoch-RESTART": head, "beyond-RESTART": BEYOND, "gateway-RESTART": 0}[case]
    was_restored = str(case == "beyond-RESTART").lower()

    assert reached[case].values["live"] == live_rows(stack)
    assert reached[case].events == [f"changed:{before}:{was_restored}", "connected:0"]
    assert reached[case].values["row-epoch"] not in ("", OTHER)


def test_continue_goes_on_after_the_same_position(reached: dict[str, Reached], head: int) -> None:
    assert reached["epoch-CONTINUE"].values["rows"] == "0"
    assert reached["epoch-CONTINUE"].events == [f"changed:{head}:false", f"connected:{head}"]


@pytest.mark.parametrize("case", ["epoch-STOP", "beyond-STOP", "beyond-CONTINUE"])
def test_a_stop_is_an_exception_before_any_row(reached: dict[str, Reached], head: int, case: str) -> None:
    is_beyond = case.startswith("beyond")
    before = BEYOND if is_beyond else head

    assert reached[case].outcome.startswith(f"LogChangedException the log changed from epoch {OTHER}")
    assert f"after position {before}" in reached[case].outcome
    assert reached[case].events == [f"changed:{before}:{str(is_beyond).lower()}"]


def test_the_same_log_is_no_change(reached: dict[str, Reached]) -> None:
    assert reached["first"].events == ["connected:0"]


def changes_its_model(delivery: Delivery, context: grpc.ServicerContext) -> Iterator[pb.ConsumeResponse]:
    yield delivery.chunk(10)
    yield delivery.chunk(20, epoch="00000000-0000-0000-0000-000000000000", gone=tuple(range(11, 21)))
    yield delivery.chunk(30, epoch=OTHER_EPOCH)
    yield delivery.end()


def test_a_change_within_a_call_is_reported_and_stops_where_it_should(java: Java, fake: FakeGateway) -> None:
    fake.scripts = [changes_its_model]
    cases = {policy: {"gateway": fake.address, "policy": policy} for policy in ("STOP", "RESTART", "CONTINUE")}

    reached = reach(java, cases)

    assert [case.events for case in reached.values()] == [["connected:0", "changed:20:false"]] * 3
    assert reached["STOP"].outcome.startswith("LogChangedException ")
    assert [reached[policy].values["rows"] for policy in ("RESTART", "CONTINUE")] == ["30", "30"]
    assert reached["RESTART"].values["row-epoch"] == OTHER_EPOCH
