"""How a gateway is reached: what is misconfigured fails at once and says why; tokens, trust, channels of one's own."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import grpc
import pytest

from pc_worker.wire.generated import embedding_stream_pb2 as pb
from tests.java.fake_gateway import Delivery, FakeGateway
from tests.java.reaching import Reached, reach
from tests.support.certificates import make_certificates
from tests.support.java import Java

pytestmark = pytest.mark.java

SECRET = "s3cret-token"
#: Cases that a connection which cannot be made ends, the exception, and the root cause in its message.
FAILING = {
    "wrong-ca": ("MisconfiguredException", "unable to find valid certification path"),
    "wrong-name": ("MisconfiguredException", "No subject alternative DNS name matching other.example found"),
    "plain-to-tls": ("GatewayUnavailableException", "does the gateway use TLS?"),
    "tls-to-plain": ("MisconfiguredException", "not an SSL/TLS record"),
    "refused-port": ("GatewayUnavailableException", "Connection refused"),
    "unknown-host": ("GatewayUnavailableException", "no-such-host.invalid"),
}
WORKING = ("right-ca", "authority", "defaults", "interceptor", "executor", "customiser", "own")


def three_rows(delivery: Delivery, context: grpc.ServicerContext) -> Iterator[pb.ConsumeResponse]:
    yield delivery.chunk(3)
    yield delivery.end()


def rotating(delivery: Delivery, context: grpc.ServicerContext) -> Iterator[pb.ConsumeResponse]:
    if ("authorization", "Bearer second") in context.invocation_metadata():
        yield delivery.chunk(3)
        yield delivery.end()
    else:
        context.abort(grpc.StatusCode.UNAVAILABLE, "once more")


def closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture(scope="module")
def reached(java: Java, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Reached]]:
    folder = tmp_path_factory.mktemp("certificates")
    make_certificates(folder)
    plain, tls, tokens = FakeGateway(), FakeGateway(), FakeGateway()
    plain.scripts = tls.scripts = [three_rows]
    tokens.scripts = [rotating]
    plain.start()
    tokens.start()
    pair = ((folder / "server.key").read_bytes(), (folder / "server.pem").read_bytes())
    tls.start(grpc.ssl_server_credentials([pair]))
    over_tls: dict[str, object] = {"gateway": tls.address}
    ca: dict[str, object] = {"trust": folder / "ca.pem"}
    dead: dict[str, object] = {"gateway": f"127.0.0.1:{closed_port()}"}
    without_tls: dict[str, object] = {"gateway": plain.address}
    yield reach(
        java,
        {
            "defaults": over_tls | {"defaults": folder / "ca.pem"},
            "wrong-ca": over_tls | {"trust": folder / "client.pem"},
            "wrong-name": over_tls | ca | {"authority": "other.example"},
            "plain-to-tls": over_tls,
            "tls-to-plain": without_tls | ca,
            "refused-port": dead,
            "unknown-host": {"gateway": "no-such-host.invalid:50051"},
            "awaiting": dead | {"await": 1, "patience": 1},
            "right-ca": over_tls | ca,
            "authority": over_tls | ca | {"authority": "localhost"},
            **{kind: without_tls | {"transport": kind} for kind in ("interceptor", "executor", "customiser", "own")},
            "in-process": without_tls | {"transport": "in-process"},
            "own-and-tls": over_tls | ca | {"transport": "own"},
            "newline": without_tls | {"token": SECRET + "\\n"},
            "umlaut": without_tls | {"token": SECRET + "ü"},
            "bad-supplier": without_tls | {"tokens": SECRET + "\\n"},
            "rotating": {"gateway": tokens.address, "tokens": "first,second"},
        },
    )
    for gateway in (plain, tls, tokens):
        gateway.stop()


@pytest.mark.parametrize("case", FAILING)
def test_a_first_connection_that_cannot_be_made_fails_at_once(reached: dict[str, Reached], case: str) -> None:
    kind, root = FAILING[case]
    outcome = reached[case]

    assert outcome.outcome.startswith(f"{kind} no connection: ")
    assert root in outcome.outcome
    assert "(gateway " in outcome.outcome
    assert outcome.events == []


def test_a_reader_that_awaits_its_gateway_tries_with_patience(reached: dict[str, Reached]) -> None:
    assert reached["awaiting"].outcome.startswith("GatewayUnavailableException no connection: Connection refused")
    assert reached["awaiting"].events[:2] == ["retry:1", "retry:2"]


@pytest.mark.parametrize("case", WORKING)
def test_a_correct_way_reads_all_rows(reached: dict[str, Reached], case: str) -> None:
    assert reached[case].outcome.startswith("end rows=3 ")
    assert reached[case].events == ["connected:0"]


@pytest.mark.parametrize("case", ["interceptor", "executor", "customiser", "own"])
def test_what_the_caller_provides_is_used(reached: dict[str, Reached], case: str) -> None:
    assert reached[case].values["used"] == "true"


def test_a_channel_of_the_callers_is_left_open(reached: dict[str, Reached]) -> None:
    assert reached["own"].values["own"] == "true"


def test_an_in_process_server_can_be_called(reached: dict[str, Reached]) -> None:
    assert reached["in-process"].outcome.startswith("RequestRefusedException Method not found")


def test_a_channel_of_ones_own_excludes_tls(reached: dict[str, Reached]) -> None:
    assert reached["own-and-tls"].outcome.startswith("IllegalArgumentException a channel of your own")


@pytest.mark.parametrize("case", ["newline", "umlaut", "bad-supplier"])
def test_a_token_that_no_header_can_carry_is_refused_and_not_shown(reached: dict[str, Reached], case: str) -> None:
    kind = "MisconfiguredException" if case == "bad-supplier" else "IllegalArgumentException"

    assert reached[case].outcome.startswith(f"{kind} the bearer token")
    assert SECRET not in reached[case].outcome


def test_a_rotating_token_is_asked_for_at_each_call(reached: dict[str, Reached]) -> None:
    assert reached["rotating"].outcome.startswith("end rows=3 ")
    assert reached["rotating"].events == ["connected:0", "lost", "retry:1", "connected:0"]
