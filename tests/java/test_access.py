"""TLS, client certificates and tokens, as the gateway asks for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from pc_worker.wire.generated import embedding_stream_pb2 as pb
from tests.java.fake_gateway import FakeGateway, rows
from tests.java.reading import read_rows
from tests.support.certificates import make_certificates
from tests.support.java import Java

pytestmark = pytest.mark.java

TOKEN = "a-token"


def guarded(request: pb.StreamEmbeddingRequest, context: grpc.ServicerContext) -> Iterator[pb.RowChunk]:
    if ("authorization", f"Bearer {TOKEN}") not in context.invocation_metadata():
        context.abort(grpc.StatusCode.UNAUTHENTICATED, "a known token is needed")
    yield rows(1, 5)
    context.set_trailing_metadata((("pcw-rows", "5"), ("pcw-last-position", "5")))


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates")
    make_certificates(folder)
    return folder


@pytest.fixture
def mutual(certificates: Path) -> Iterator[FakeGateway]:
    """Yield a gateway that presents a certificate, requires one, and a token."""
    key, chain, ca = ((certificates / name).read_bytes() for name in ("server.key", "server.pem", "ca.pem"))
    gateway = FakeGateway()
    gateway.plain = guarded
    gateway.start(grpc.ssl_server_credentials([(key, chain)], root_certificates=ca, require_client_auth=True))
    yield gateway
    gateway.stop()


def test_a_client_with_certificate_and_token_reads(java: Java, mutual: FakeGateway, certificates: Path) -> None:
    options = {"authority": certificates / "ca.pem", "certificate": certificates / "client.pem"}

    read = read_rows(
        java, gateway=mutual.address, domain="recruit", token=TOKEN, key=certificates / "client.key", **options
    )

    assert (len(read.lines), read.end) == (5, "end")


def test_a_wrong_token_is_refused(java: Java, fake: FakeGateway) -> None:
    fake.plain = guarded

    read = read_rows(java, gateway=fake.address, domain="recruit", token="another")

    assert read.end == f"error RequestRefusedException a known token is needed (gateway {fake.address})"


def test_plain_text_to_tls_is_an_error(java: Java, mutual: FakeGateway) -> None:
    read = read_rows(java, gateway=mutual.address, domain="recruit", token=TOKEN)

    assert read.end.startswith("error GatewayUnavailableException ")
