from __future__ import annotations

import json
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.testclient import TestClient

from pc_worker.http.requests.bodies import BoundedRoute, read_json
from pc_worker.http.requests.problems import install_problems


def test_a_document_is_read() -> None:
    body = '{"text": "é \\u00e9 \\ud83d\\ude00", "number": 9007199254740993, "float": 1e3}'.encode()

    assert read_json(body) == {"text": "é é 😀", "number": 9007199254740993, "float": 1000.0}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"a": 1} x',
        b"[" * 500_000,
        b'{"a":' * 100_000,
        b"1" * 1_000_000,
        b"-" + b"1" * 1_000_000,
        b"1e999",
        b"-1e999",
        b"NaN",
        b'{"a": Infinity}',
        b'"\\ud800"',
        b'{"\\uDC00": 1}',
        b'["a\\u0000b"]',
        b'"\x00"',
        b"\xff\xfe\x00",
        "{}".encode("utf-16"),
        "\ufeff{}".encode(),
    ],
)
def test_what_is_no_bounded_document_is_an_error_of_json(body: bytes) -> None:
    with pytest.raises(json.JSONDecodeError):
        read_json(body)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"query": "a\\u0000b"}', "a text at `query` has the character NUL (\\u0000): remove it"),
        (b'{"where": [{"field": "n"}, {"value": "\\u0000"}]}', "a text at `where.1.value` has the character NUL"),
        (b'{"a": {"b\\u0000": 1}}', "a text at `a` has the character NUL"),
        (b'"\\u0000"', "a text has the character NUL"),
        (b'{"query": "\\ud83d!"}', "a text at `query` has half of a surrogate pair"),
        (b"[" * 400 + b'"\\u0000"' + b"]" * 400, "a text at `0.0.0.0."),
    ],
)
def test_a_text_that_nothing_can_store_is_named(body: bytes, reason: str) -> None:
    with pytest.raises(json.JSONDecodeError) as caught:
        read_json(body)

    assert caught.value.msg.startswith(reason)
    assert len(caught.value.msg) < 300


@pytest.fixture(scope="module")
def echo() -> TestClient:
    """Return a client of a route that returns its body."""
    app, router = FastAPI(), APIRouter(route_class=BoundedRoute)
    install_problems(app)

    @router.post("/echo")
    async def echoed(document: dict[str, Any]) -> dict[str, Any]:
        return document

    app.include_router(router)
    return TestClient(app)


@pytest.mark.parametrize(
    ("coding", "status"), [("gzip", 415), ("GZIP", 415), ("br, identity", 415), ("identity", 200), ("", 200)]
)
def test_a_compressed_body_is_another_kind(echo: TestClient, coding: str, status: int) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": coding}
    response = echo.post("/echo", content=b'{"a": 1}', headers=headers)

    assert response.status_code == status
    assert ("Content-Encoding" in response.text) == (status == 415)


def test_an_escaped_backslash_is_no_escape() -> None:
    assert read_json(b'"\\\\u0000 \\\\ud800"') == "\\u0000 \\ud800"


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b'{"query": "a\\u0000b"}', "a text at `query` has the character NUL (\\u0000): remove it"),
        (b'{"query": 1', "Expecting ',' delimiter (character 11)"),
        (b'{"query": \xff}', "'utf-8' codec can't decode byte 0xff in position 10: invalid start byte"),
    ],
)
def test_the_problem_says_why_a_body_is_refused(echo: TestClient, body: bytes, detail: str) -> None:
    response = echo.post("/echo", content=body, headers={"Content-Type": "application/json"})

    assert (response.status_code, response.json()["code"]) == (400, "invalid_json")
    assert response.json()["detail"] == f"the body cannot be read as JSON: {detail}"
