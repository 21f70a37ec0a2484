"""A server without tokens answers this machine only: no page and no name of another host, however it is written."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi import Request

from pc_worker.errors import PermissionDenied
from pc_worker.http.requests.roles import check_local
from pc_worker.settings import Settings

NAMED = Settings(tls_cert=Path("cert.pem"), tls_key=Path("key.pem"), tls_client_ca=Path("ca.pem"))


def call(settings: Settings, **headers: str) -> None:
    sent = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    scope = {"type": "http", "path": "/", "query_string": b"", "headers": sent, "server": ("127.0.0.1", 8080)}
    check_local(Request(scope), settings)


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "127.8.8.8", "127.1", "localhost:1", "LocalHost", "[::1]:8080"])
def test_names_of_this_machine_are_answered(host: str) -> None:
    call(Settings(), host=host)
    call(Settings(), host=host, origin=f"http://{host}")


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.evil.example:8080",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "127.",
        "a_name.evil.example",
        "[",
        "[::1].evil.example",
        "::1",
        "",
        "é",
    ],
)
def test_other_names_are_not(host: str) -> None:
    with pytest.raises(PermissionDenied):
        call(Settings(), host=host)


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "http://127.0.0.1.evil.example", "http://127.evil.example:8080", "null", "http://["],
)
@pytest.mark.parametrize("settings", [Settings(), NAMED, Settings(insecure=True)])
def test_pages_of_other_hosts_are_not_answered(settings: Settings, origin: str) -> None:
    with pytest.raises(PermissionDenied):
        call(settings, host="127.0.0.1:8080", origin=origin)


def test_pages_may_be_named() -> None:
    call(Settings(http_cors_origins=("https://app.example",)), host="localhost", origin="https://app.example")


def test_client_certificates_are_callers_so_the_server_may_have_any_name() -> None:
    call(NAMED, host="pcw.example.com")
    call(NAMED, host="pcw.example.com:8443", origin="https://pcw.example.com:8443")
    for origin in ("https://other.example.com", "http://pcw.example.com"):
        with pytest.raises(PermissionDenied):
            call(NAMED, host="pcw.example.com", origin=origin)
