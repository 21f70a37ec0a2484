"""TLS, client certificates and tokens, as a real gateway asks for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.java.reading import Read, read_rows
from tests.support.certificates import make_certificates
from tests.support.frames import write_documents
from tests.support.gateway_part import running_gateway
from tests.support.http_part import tokens_file
from tests.support.java import Java
from tests.support.stack import LiveStack
from tests.support.waiting import eventually

pytestmark = pytest.mark.java

DOMAIN = "document"
TOKEN, NEXT = "a-token", "the-next-token"
SINK = "com.alpha.pcworker.sample.PostgresSink"


@pytest.fixture(scope="module")
def documents(stack: LiveStack, tmp_path_factory: pytest.TempPathFactory) -> LiveStack:
    source = write_documents(tmp_path_factory.mktemp("documents") / "access.pkl", ["one", "two", "three"])
    assert stack.ingest(source, DOMAIN, "--id-column", "id")["state"] == "completed"
    return stack


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates")
    make_certificates(folder)
    return folder


@pytest.fixture(scope="module")
def guarded(documents: LiveStack, certificates: Path) -> Iterator[str]:
    """Yield a gateway that presents a certificate, requires one, and a token."""
    tls = {"TLS_CERT": "server.pem", "TLS_KEY": "server.key", "TLS_CLIENT_CA": "ca.pem"}
    settings = {name: str(certificates / file) for name, file in tls.items()}
    settings["TOKENS_FILE"] = str(tokens_file(certificates, {TOKEN: [DOMAIN]}))
    with running_gateway(documents, certificates, **settings) as address:
        yield address


def read(java: Java, address: str, certificates: Path | None, *, domain: str = DOMAIN, **options: object) -> Read:
    """Read with our certificate, if there are any."""
    files = {"authority": "ca.pem", "certificate": "client.pem", "key": "client.key"} if certificates else {}
    ours = {name: certificates / file for name, file in files.items() if certificates}
    return read_rows(java, gateway=address, domain=domain, **ours, **options)


def live_rows(stack: LiveStack) -> int:
    return int(
        stack.query("SELECT count(*) FROM log WHERE domain = %s AND kind = 0 AND superseded_by IS NULL", DOMAIN)[0][0]
    )


def test_a_client_with_certificate_and_token_reads(
    java: Java, guarded: str, certificates: Path, documents: LiveStack
) -> None:
    found = read(java, guarded, certificates, token=TOKEN)

    assert (len(found.lines), found.end) == (live_rows(documents), "end")


@pytest.mark.parametrize(
    ("domain", "token", "error"),
    [
        pytest.param(DOMAIN, "another", "a known token is needed", id="wrong token"),
        pytest.param("recruit", TOKEN, "this token is not for domain 'recruit'", id="token of another domain"),
    ],
)
@pytest.mark.parametrize("call", [{}, {"subscription": "access"}], ids=["plain", "acknowledged"])
def test_a_token_that_does_not_fit_is_refused(
    java: Java, guarded: str, certificates: Path, call: dict[str, str], domain: str, token: str, error: str
) -> None:
    found = read(java, guarded, certificates, domain=domain, token=token, **call)

    assert found.end.startswith(f"error RequestRefusedException {error}")
    assert found.end.endswith(f"(gateway {guarded})")


def test_plain_text_to_tls_is_an_error(java: Java, guarded: str) -> None:
    found = read(java, guarded, None, token=TOKEN)

    assert found.end.startswith("error GatewayUnavailableException ")


def test_no_client_certificate_is_an_error_at_once_that_names_it(java: Java, guarded: str, certificates: Path) -> None:
    found = read_rows(
        java, gateway=guarded, domain=DOMAIN, subscription="access", authority=certificates / "ca.pem", token=TOKEN
    )

    # TLS 1.3: the client learns of it by an alert, or by the end of the connection, whichever is seen first.
    assert found.end.startswith(("error MisconfiguredException ", "error GatewayUnavailableException no connection: "))
    assert "client certificate" in found.end


def test_the_sink_reads_over_mutual_tls_with_a_token_from_a_file(
    java: Java, guarded: str, certificates: Path, documents: LiveStack, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    where = ["--gateway", guarded, "--database", documents.addresses.database_url, "--domain", DOMAIN]
    files = {"--ca": "ca.pem", "--cert": "client.pem", "--key": "client.key"}
    ours = [part for option, file in files.items() for part in (option, str(certificates / file))]

    done = java.run(SINK, *where, *ours, "--authority", "localhost", "--token-file", str(tmp_path / "token"))

    assert done.returncode == 0, done.stderr
    assert documents.query(f"SELECT count(*) FROM pcw_{DOMAIN}") == [(live_rows(documents),)]


def test_a_follower_reads_on_with_its_new_token_when_the_gateway_has_others(
    java: Java, documents: LiveStack, tmp_path: Path
) -> None:
    secret, output = tmp_path / "token", tmp_path / "output"
    secret.write_text(TOKEN)
    arguments = {"domain": DOMAIN, "subscription": "rotated", "commit": 1, "follow": 1, "token-file": secret}

    def rows() -> list[str]:  # without those that other tests have deleted
        return [line for line in output.read_text().splitlines() if line.startswith("row ")]

    with output.open("wb") as log:
        with running_gateway(documents, tmp_path, TOKENS_FILE=str(tokens_file(tmp_path, {TOKEN: [DOMAIN]}))) as address:
            values = [f"{name}={value}" for name, value in {"gateway": address, **arguments}.items()]
            follower = java.start("ReadRows", *values, log=log)
            before = live_rows(documents)
            eventually(lambda: len(rows()) == before, what="all rows")
        try:
            secret.write_text(NEXT)
            tokens = str(tokens_file(tmp_path, {NEXT: [DOMAIN]}))
            with running_gateway(documents, tmp_path, GATEWAY_ADDRESS=address, TOKENS_FILE=tokens):
                source = write_documents(tmp_path / "more.pkl", ["four"])
                assert documents.ingest(source, DOMAIN, "--id-column", "id", "--source", "more")["rows_written"] == 1
                eventually(lambda: len(rows()) == before + 1, what="the new row")
        finally:
            follower.kill()
            follower.wait(30)

    assert len(rows()) == len(set(rows())) == before + 1
