"""Routes whose work ends when their client goes: a result that is not read is neither searched for nor paid."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from fastapi import Depends, Request, Response
from fastapi.dependencies.models import Dependant
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

T = TypeVar("T")
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


async def _ends_with_client() -> None:
    """Mark a route; ``bounded`` and its like look for it."""


#: Of a route, in its ``dependencies``: its handler is cancelled when the client is gone.
ENDS_WITH_CLIENT: Any = Depends(_ends_with_client)


def ends_with_client(dependant: Dependant) -> bool:
    """Return whether a route is so marked."""
    return any(one.call is _ends_with_client for one in dependant.dependencies)


async def while_connected(handler: Handler, request: Request) -> Response:
    """Return the response of a handler, which is cancelled when the client is gone.

    Raises:
        ClientDisconnect: If the client is gone.
    """
    await request.body()  # kept for the handler; what is received after it is the end of the connection
    return await _until(_left(request.receive), handler(request))


async def app_while_connected(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Let another application answer a request; it is cancelled when the client is gone.

    Raises:
        ClientDisconnect: If the client is gone.
    """
    request = _DelegatedRequest(receive, send)
    await _until(request.left(), app(scope, request.receive, request.send))


async def _until(leaving: Awaitable[None], working: Awaitable[T]) -> T:
    """Return what ``working`` returns, unless ``leaving`` ends before."""
    work, end = asyncio.ensure_future(working), asyncio.ensure_future(leaving)
    try:
        await asyncio.wait((work, end), return_when=asyncio.FIRST_COMPLETED)
        if not work.done() and end.exception() is None:
            raise ClientDisconnect
        return await work
    finally:
        work.cancel()
        end.cancel()
        await asyncio.gather(work, end, return_exceptions=True)


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


class _DelegatedRequest:
    """What another application receives and sends: its body first; then only we look for the end of the connection."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive, self._send = receive, send
        self._whole, self._gone, self._answered = asyncio.Event(), asyncio.Event(), False

    async def receive(self) -> Message:
        """Return the next part of the body; after the last one, wait for the end of the connection."""
        if self._whole.is_set():
            await self._gone.wait()
            return {"type": "http.disconnect"}
        message = await self._receive()
        if not message.get("more_body"):
            self._whole.set()
        if message["type"] == "http.disconnect":
            self._gone.set()
        return message

    async def send(self, message: Message) -> None:
        """Send a part of the response."""
        await self._send(message)
        self._answered = message["type"] == "http.response.body" and not message.get("more_body")

    async def left(self) -> None:
        """Wait until the client has gone before it had the whole response."""
        await self._whole.wait()
        if not self._gone.is_set():
            await _left(self._receive)
            self._gone.set()
        if self._answered:  # the connection ends with the response, and the application may still have to clean up
            await asyncio.Event().wait()
