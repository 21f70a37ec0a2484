"""Routes whose work ends when their client goes: a result that is not read is neither searched for nor paid."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Depends, Request, Response
from fastapi.dependencies.models import Dependant
from starlette.requests import ClientDisconnect

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
    working = asyncio.ensure_future(handler(request))
    leaving = asyncio.ensure_future(_left(request))
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not working.done() and leaving.exception() is None:
            raise ClientDisconnect
        return await working
    finally:
        working.cancel()
        leaving.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
