"""The server of the protocol, started at its first request: loading its library takes half a second of CPU."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

if TYPE_CHECKING:
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager


class Sessions:
    """Starts the server when it is first needed, and passes requests on to it."""

    def __init__(self) -> None:
        self._needed = asyncio.Event()
        self._manager: asyncio.Future[StreamableHTTPSessionManager] = asyncio.get_running_loop().create_future()

    async def run(self) -> None:
        """Run the server from its first request until this task is cancelled: one task enters and leaves its group."""
        await self._needed.wait()
        try:
            manager = await asyncio.to_thread(_load_manager)
        except Exception as exc:
            self._manager.set_exception(exc)
            return
        async with manager.run():
            self._manager.set_result(manager)
            await asyncio.get_running_loop().create_future()

    async def handle_request(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        self._needed.set()
        manager = await asyncio.shield(self._manager)
        await manager.handle_request(scope, receive, send)


def _load_manager() -> StreamableHTTPSessionManager:
    from pc_worker.http.mcp.server import make_session_manager

    return make_session_manager()


@asynccontextmanager
async def mcp_sessions(app: FastAPI) -> AsyncIterator[None]:
    """Serve the protocol as long as the application lives."""
    app.state.mcp = Sessions()
    running = asyncio.create_task(app.state.mcp.run())
    try:
        yield
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
