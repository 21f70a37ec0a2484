"""The server of the Model Context Protocol under any name and for any origin: who may call is decided before it."""

from __future__ import annotations

import httpx
import pytest

from pc_worker.http.mcp.server import make_session_manager

HEADERS = {"Accept": "application/json, text/event-stream"}
PARAMETERS = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "assistant", "version": "1"}}
INITIALIZE = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": PARAMETERS}


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        pytest.param("http://127.0.0.1:8080", None, id="this machine"),
        pytest.param("https://search.example.org", None, id="behind a proxy"),
        pytest.param("http://worker-3.internal:8080", None, id="another machine"),
        pytest.param("http://[fd00::7]:8080", None, id="IPv6"),
        pytest.param("https://search.example.org", "https://app.example.org", id="a page of a known origin"),
    ],
)
async def test_it_answers_under_every_name(url: str, origin: str | None) -> None:
    manager = make_session_manager()
    headers = HEADERS | ({} if origin is None else {"Origin": origin})
    async with manager.run(), httpx.AsyncClient(transport=httpx.ASGITransport(manager.handle_request)) as client:
        answer = await client.post(f"{url}/mcp", json=INITIALIZE, headers=headers)

    assert answer.status_code == 200, answer.text
    assert answer.json()["result"]["serverInfo"]["name"] == "pc_worker"
