from __future__ import annotations

import asyncio
import json
from collections.abc import MutableMapping, Sequence
from typing import Any

import pytest

from pc_worker.http.requests.guards import MAX_BODY_BYTES, GuardedRequests


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Read the whole body, and answer how long it was."""
    size, more = 0, True
    while more:
        message = await receive()
        size += len(message.get("body", b""))
        more = bool(message.get("more_body"))
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(size).encode()})


async def careless(scope: Any, receive: Any, send: Any) -> None:
    """Answer without the body, as to a caller that may not."""
    await send({"type": "http.response.start", "status": 401, "headers": []})
    await send({"type": "http.response.body", "body": b"no"})


async def answered(
    app: Any,
    parts: Sequence[bytes | None],
    *,
    path: str = "/v1/search",
    query: bytes = b"",
    length: int | None = None,
    **more: Any,
) -> tuple[int, bytes, dict[bytes, bytes], int]:
    """Send a body in parts, None = a pause without end; return status, body, headers, and how many parts were read."""
    headers = [(b"content-length", b"%d" % length)] if length is not None else [(b"transfer-encoding", b"chunked")]
    scope: dict[str, Any] = {
        "type": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query,
        "headers": headers,
    }
    scope |= more
    left, sent = list(parts), list[MutableMapping[str, Any]]()

    async def receive() -> dict[str, Any]:
        part = left.pop(0) if left else None
        if part is None:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": part, "more_body": bool(left)}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    guarded = GuardedRequests(app, streamed=("/v1/files",), body_pause_s=0.05, document_s=0.5)
    await asyncio.wait_for(guarded(scope, receive, send), 20)
    start, *bodies = sent
    assert [message.get("more_body", False) for message in bodies][-1] is False
    whole = b"".join(message.get("body", b"") for message in bodies)
    return start["status"], whole, dict(start["headers"]), len(parts) - len(left)


async def test_a_body_within_its_limits_is_passed_on() -> None:
    assert (await answered(echo, [b"a", b"b" * 100]))[:2] == (200, b"101")


async def test_a_body_that_stops_coming_is_too_slow() -> None:
    status, body, headers, _ = await answered(echo, [b"a", None])

    assert (status, json.loads(body)["code"]) == (408, "too_slow")
    assert headers[b"connection"] == b"close"


@pytest.mark.parametrize("length", [None, 2 * MAX_BODY_BYTES])
async def test_a_body_that_is_too_large_is_refused_and_its_rest_is_read(length: int | None) -> None:
    parts = [b"x" * 300_000] * 8

    status, body, _, read = await answered(echo, parts, length=length)

    assert (status, json.loads(body)["code"]) == (413, "too_large")
    assert read == len(parts)


async def test_a_streamed_body_has_no_limit_here() -> None:
    parts = [b"x" * 300_000] * 8

    assert (await answered(echo, parts, path="/v1/files"))[:2] == (200, b"2400000")


async def test_the_rest_of_a_body_is_read_before_an_early_response_ends() -> None:
    parts = [b"x"] * 5

    assert await answered(careless, parts) == (401, b"no", {b"connection": b"close"}, 5)


@pytest.mark.parametrize("target", ["/v1/%00", "/v1/%ff", "/v1/%ed%a0%80"])
async def test_a_target_that_is_no_text_is_refused(target: str) -> None:
    status, body, _, _ = await answered(echo, [b""], path=target)
    in_query = await answered(echo, [b""], query=b"a=" + target.encode())

    assert (status, json.loads(body)["code"], in_query[0]) == (400, "invalid_request", 400)


@pytest.mark.parametrize(
    "scope",
    [
        {"headers": [(b"content-length", b"5"), (b"transfer-encoding", b"chunked")]},
        {"headers": [(b"transfer-encoding", b"chunked"), (b"content-length", b"0")], "path": "/v1/files"},
        {"headers": [(b"transfer-encoding", b"chunked")], "http_version": "1.0"},
    ],
)
async def test_a_body_whose_length_can_be_read_in_two_ways_is_refused_and_the_connection_ends(scope: Any) -> None:
    status, body, headers, read = await answered(echo, [b"a"], **scope)

    assert (status, json.loads(body)["code"], headers[b"connection"], read) == (400, "invalid_http", b"close", 0)


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("http://search.example.org/v1/domains", "/v1/domains"),
        ("HTTPS://127.0.0.1:8080/v1/jobs/a%20b", "/v1/jobs/a b"),
        ("http://[::1]:8080", "/"),
        ("/v1/jobs/http://x/y", "/v1/jobs/http://x/y"),
        ("ftp://x/healthz", "ftp://x/healthz"),
    ],
)
async def test_a_target_in_absolute_form_is_its_path(target: str, path: str) -> None:
    async def tell(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": scope["path"].encode()})

    assert (await answered(tell, [b""], path=target))[:2] == (200, path.encode())
