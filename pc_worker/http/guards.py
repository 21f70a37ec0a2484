"""What is refused before a route sees it: paths that nothing can hold, and bodies that do not come."""

from __future__ import annotations

import asyncio
from urllib.parse import unquote_to_bytes

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pc_worker.http.problems import make_problem, problem_response

#: Seconds that a client may pause within a body.
BODY_PAUSE_S = 20.0


class BodyTooSlow(Exception):
    """The client paused for too long within a body."""


class GuardedRequests:
    """Middleware: refuses targets that are not UTF-8 or have a NUL, and ends requests whose body does not come.

    Args:
        app: The application.
        body_pause_s: Seconds that a client may pause within a body.
    """

    def __init__(self, app: ASGIApp, body_pause_s: float = BODY_PAUSE_S) -> None:
        self._app, self._body_pause_s = app, body_pause_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if not _is_text(scope.get("raw_path") or b"") or not _is_text(scope["query_string"]):
            problem = make_problem(400, "invalid_request", "the path or the query has a NUL or is not UTF-8")
            await problem_response(problem)(scope, receive, send)
            return
        body, response = BodyReader(receive, self._body_pause_s), ResponseState(send)
        try:
            await self._app(scope, body.receive, response.send)
        except Exception:
            if not body.too_slow or response.started:
                raise
            problem = make_problem(408, "too_slow", f"the body did not come for {self._body_pause_s:g} s")
            await problem_response(problem, {"Connection": "close"})(scope, receive, send)


class BodyReader:
    """Receives a body, each part within a time."""

    def __init__(self, receive: Receive, pause_s: float) -> None:
        self._receive, self._pause_s = receive, pause_s
        self._more, self.too_slow = True, False

    async def receive(self) -> Message:
        """Return the next part; after the last one, wait for the client to go.

        Raises:
            BodyTooSlow: If the client paused for too long.
        """
        if not self._more:
            return await self._receive()
        try:
            async with asyncio.timeout(self._pause_s):
                message = await self._receive()
        except TimeoutError:
            self.too_slow = True
            raise BodyTooSlow from None
        self._more = bool(message.get("more_body"))
        return message


class ResponseState:
    """Sends a response, and knows whether it has begun."""

    def __init__(self, send: Send) -> None:
        self._send, self.started = send, False

    async def send(self, message: Message) -> None:
        """Send a part of the response."""
        self.started = True
        await self._send(message)


def _is_text(encoded: bytes) -> bool:
    raw = unquote_to_bytes(encoded)
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return b"\0" not in raw
