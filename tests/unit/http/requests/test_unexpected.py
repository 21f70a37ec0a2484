"""An error of our own is a response as any other: named, counted, with our headers, and readable by a browser."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.requests import ClientDisconnect

from pc_worker.http.app import create_app
from pc_worker.http.requests import metrics
from pc_worker.http.requests.context import AppContext
from pc_worker.http.requests.observing import SAFE_HEADERS
from pc_worker.settings import Settings

ORIGIN = "https://app.example"


@pytest.fixture(scope="module")
def app() -> FastAPI:
    settings = Settings(http_cors_origins=(ORIGIN,))
    app = create_app(cast(AppContext, SimpleNamespace(settings=settings)))

    @app.get("/broken")
    async def broken() -> None:
        raise KeyError("a secret")

    @app.get("/left")
    async def left() -> None:
        raise ClientDisconnect

    return app


def counted(route: str, status: int) -> float:
    value: float = metrics.REQUESTS.labels(route, "GET", str(status))._value.get()
    return value


def test_an_error_of_our_own_is_a_response_as_any_other(app: FastAPI) -> None:
    before = counted("/broken", 500)

    answer = TestClient(app).get("/broken", headers={"Origin": ORIGIN, "X-Request-Id": "mine"})

    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert (answer.json()["code"], answer.json()["request_id"]) == ("internal", "mine")
    assert "secret" not in answer.text
    assert answer.headers["x-request-id"] == "mine"
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert {name.decode() for name, _ in SAFE_HEADERS} <= set(answer.headers)
    assert counted("/broken", 500) == before + 1


def test_a_client_that_has_gone_is_no_error_of_ours(app: FastAPI) -> None:
    before = counted("/left", 499)

    TestClient(app, raise_server_exceptions=False).get("/left")

    assert counted("/left", 499) == before + 1
