"""A fake for the servers of OpenAI and Anthropic, on one free port, in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, Self

import uvicorn

from tests.support.llm import anthropic_wire, openai_wire
from tests.support.llm.talk import Asked, Behaviour, Said
from tests.support.waiting import eventually

Receive = Callable[[], Any]
Send = Callable[[dict[str, Any]], Any]
WIRES = {openai_wire.PATH: openai_wire, anthropic_wire.PATH: anthropic_wire}


class FakeLlm:
    """Answers by ``behaviour``, which may differ by model; keeps every request."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.asked: list[Asked] = []
        self._stop = threading.Event()
        self._server = uvicorn.Server(
            uvicorn.Config(self._app, host="127.0.0.1", port=0, log_config=None, lifespan="off", interface="asgi3")
        )
        self._thread = threading.Thread(target=self._server.run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        eventually(lambda: self._server.started)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._server.should_exit = self._server.force_exit = True
        self._thread.join(10)

    @property
    def url(self) -> str:
        (server,) = self._server.servers
        return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    def model(self, name: str, provider: str = "openai") -> str:
        """Return the value of `PC_WORKER_LLM` for a model of this server."""
        return f"{provider}:{name}@{self.url}{'/v1' if provider == 'openai' else ''}"

    async def _app(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        wire = WIRES[scope["path"]]
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        try:
            asked = wire.parse(json.loads(body), headers, len(self.asked) + 1)
        except openai_wire.Wrong as exc:
            said = Said(status=400, error="invalid_request_error")
            await _whole(send, 400, {}, json.dumps(wire.error(said) | {"detail": str(exc)}).encode())
            return
        self.asked.append(asked)
        with contextlib.suppress(_Cut):
            await self._answer(wire, asked, self.behaviour(asked), send)

    async def _answer(self, wire: ModuleType, asked: Asked, said: Said, send: Send) -> None:
        if said.wait:
            await self._rest()
        if said.raw is not None or said.status != 200:
            content = said.raw if said.raw is not None else json.dumps(wire.error(said)).encode()
            await _whole(send, said.status, said.headers, content)
        elif asked.stream:
            await self._events(wire, asked, said, send)
        else:
            content = json.dumps(wire.document(asked, said), ensure_ascii=False).encode()
            await _whole(send, 200, {}, content, cut=said.cut_after is not None)

    async def _events(self, wire: ModuleType, asked: Asked, said: Said, send: Send) -> None:
        await _start(send, 200, {"content-type": "text/event-stream"})
        for number, event in enumerate(_repeated(wire, asked, said)):
            if number == said.cut_after:
                raise ConnectionAbortedError
            if number == said.end_after:
                break
            if number == said.stall_after:
                await self._rest()
            await send({"type": "http.response.body", "body": event.encode(), "more_body": True})
            if said.endless:
                await asyncio.sleep(0)
        await send({"type": "http.response.body", "body": b""})

    async def _rest(self) -> None:
        while not self._stop.is_set():  # noqa: ASYNC110 - it is set by another thread
            await asyncio.sleep(0.02)
        raise _Cut


class _Cut(Exception):
    pass


def _repeated(wire: ModuleType, asked: Asked, said: Said) -> Iterator[str]:
    if not said.endless:
        yield from wire.events(asked, said)
        return
    head, *events = list(wire.events(asked, said))
    texts = [event for event in events if '"content":' in event or "text_delta" in event]
    yield head
    yield from (event for event in events if "content_block_start" in event)
    while True:
        yield from texts


async def _start(send: Send, status: int, headers: dict[str, str]) -> None:
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})


async def _whole(send: Send, status: int, headers: dict[str, str], content: bytes, *, cut: bool = False) -> None:
    length = {"content-length": str(len(content))} if cut else {}
    await _start(send, status, {"content-type": "application/json", **length, **headers})
    if cut:
        await send({"type": "http.response.body", "body": content[: len(content) // 2], "more_body": True})
        raise ConnectionAbortedError
    await send({"type": "http.response.body", "body": content})
