"""Proxies of the environment are for other hosts: every kind of client reaches this machine directly."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.request import urlopen

import grpc
import httpx
import pytest

from pc_worker.cli.running import answers
from pc_worker.no_proxy import connect_directly

HERE = "localhost,127.0.0.1,::1"
#: A port on which nothing listens.
DEAD = "http://127.0.0.1:9"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param({}, {}, id="no proxy"),
        pytest.param({"no_proxy": "a"}, {"no_proxy": "a"}, id="only exceptions"),
        pytest.param({"http_proxy": ""}, {"http_proxy": ""}, id="an empty proxy"),
        pytest.param({"HTTPS_PROXY": DEAD}, {"no_proxy": HERE, "NO_PROXY": HERE}, id="https"),
        pytest.param({"all_proxy": DEAD}, {"no_proxy": HERE, "NO_PROXY": HERE}, id="all"),
        pytest.param(
            {"http_proxy": DEAD, "NO_PROXY": "db, localhost"},
            {"no_proxy": "db,localhost,127.0.0.1,::1", "NO_PROXY": "db,localhost,127.0.0.1,::1"},
            id="one spelling",
        ),
        pytest.param(
            {"http_proxy": DEAD, "NO_PROXY": "a", "no_proxy": "b"},
            {"no_proxy": f"b,{HERE}", "NO_PROXY": f"a,{HERE}"},
            id="two spellings",
        ),
        pytest.param({"http_proxy": DEAD, "no_proxy": "*"}, {"no_proxy": "*", "NO_PROXY": "*"}, id="no host"),
        pytest.param(
            {"grpc_proxy": DEAD, "no_grpc_proxy": "a"},
            {"no_grpc_proxy": f"a,{HERE}", "no_proxy": HERE, "NO_PROXY": HERE},
            id="gRPC",
        ),
    ],
)
def test_this_machine_is_added_to_the_hosts_without_a_proxy(given: dict[str, str], expected: dict[str, str]) -> None:
    environment = dict(given)

    connect_directly(environment)
    connect_directly(environment)  # a part inherits it from `up`, and does it again

    assert environment == given | expected


@pytest.fixture
def behind_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("no_proxy", "NO_PROXY", "no_grpc_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "grpc_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, DEAD)
    given: dict[str, str] = {"http_proxy": DEAD}
    connect_directly(given)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, given[name])


@pytest.fixture
def page() -> Iterator[str]:
    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    with HTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


@pytest.mark.usefixtures("behind_a_proxy")
def test_clients_of_http_reach_this_machine(page: str) -> None:
    assert answers(page)
    with urlopen(page, timeout=10) as response:
        assert response.status == 200
    assert httpx.get(page, timeout=10).status_code == 200


@pytest.mark.usefixtures("behind_a_proxy")
def test_clients_of_grpc_reach_this_machine() -> None:
    server = grpc.server(None, handlers=())  # it answers that no method is served
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            grpc.channel_ready_future(channel).result(timeout=10)
    finally:
        server.stop(0)
