"""The server of the Model Context Protocol under any name and for any origin: who may call is decided before it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest
from starlette.requests import ClientDisconnect
from starlette.types import Message

from pc_worker.http.mcp import server
from pc_worker.http.mcp.documents import FoundItems
from pc_worker.http.mcp.server import make_session_manager
from pc_worker.http.routes.mcp import DelegatedResponse

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


class WaitingSearch:
    """A tool that searches without end, and notes that it has begun and ended."""

    def __init__(self) -> None:
        self.begun, self.ended = asyncio.Event(), asyncio.Event()

    async def search(self, *_: object) -> FoundItems:
        """Wait."""
        self.begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.ended.set()
        raise AssertionError


def post(version: str) -> dict[str, Any]:
    """Return a request of a client of a version of the protocol."""
    headers = HEADERS | {"Content-Type": "application/json", "MCP-Protocol-Version": version} | METHOD_HEADERS
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "method": "POST", "path": "/mcp", "query_string": b"", "headers": raw, "scheme": "http"}


METHOD_HEADERS = {"Mcp-Method": "tools/call", "Mcp-Name": "search"}
META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": PARAMETERS["clientInfo"],
    "io.modelcontextprotocol/clientCapabilities": {},
}


@pytest.mark.parametrize("version", ["2025-06-18", "2026-07-28"])
async def test_a_search_ends_when_its_client_leaves(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = WaitingSearch()
    monkeypatch.setattr(server, "_call", lambda ctx: tool)
    arguments = {"name": "search", "arguments": {"query": "words"}, "_meta": META}
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": arguments}
    messages: asyncio.Queue[Message] = asyncio.Queue()
    messages.put_nowait({"type": "http.request", "body": json.dumps(call).encode(), "more_body": False})
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    manager = make_session_manager()
    async with manager.run():
        response = DelegatedResponse(manager.handle_request)
        answering = asyncio.create_task(response(post(version), messages.get, send))
        begun = asyncio.create_task(tool.begun.wait())
        await asyncio.wait((answering, begun), return_when=asyncio.FIRST_COMPLETED, timeout=10)
        assert tool.begun.is_set(), sent
        messages.put_nowait({"type": "http.disconnect"})

        with pytest.raises(ClientDisconnect):
            await asyncio.wait_for(answering, 10)
        await asyncio.wait_for(tool.ended.wait(), 10)
