"""What no route expects: an error of our own is answered, with all that other responses have."""

from __future__ import annotations

from fastapi import Request
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pc_worker.http.requests.problems import unexpected_response


class AnsweredErrors:
    """Middleware: answers what the application raises with 500, and raises it again for the log.

    The framework does the same outside of all middleware, where the response is neither counted nor named, and has
    none of the headers that a browser needs to read it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        started = scope["type"] != "http"

        async def noted(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except ClientDisconnect:
            raise
        except Exception:
            if not started:
                await unexpected_response(Request(scope))(scope, receive, send)
            raise
