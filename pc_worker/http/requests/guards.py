"""What is refused before a route sees it: targets that nothing can hold, bodies of doubtful length or beyond limits."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import suppress
from typing import NoReturn
from urllib.parse import unquote, unquote_to_bytes

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pc_worker.http.requests.problems import make_problem, problem_response

log = structlog.get_logger(__name__)

#: Bytes of a document. Most are far smaller; a list of texts to encode may be as large.
MAX_BODY_BYTES = 1024 * 1024
#: Seconds that a client may pause within a body.
BODY_PAUSE_S = 20.0
#: Bytes per second below which a body is too slow, once it has had some seconds.
MIN_BYTES_PER_S, SETTLED_S = 1024, 30.0
#: Seconds that the rest of a body is read after the response.
DRAIN_S = 5.0
#: Seconds within which a document must have come, however it is dripped.
DOCUMENT_S = 60.0


class BodyRefused(Exception):
    """A body that is too large or does not come, with the status, code and reason of the response."""

    def __init__(self, status: int, code: str, reason: str) -> None:
        super().__init__(status, code, reason)
        self.status, self.code, self.reason = status, code, reason


class GuardedRequests:
    """Middleware: refuses targets that are not UTF-8 or have a NUL, and bodies beyond their limits.

    Args:
        app: The application.
        streamed: Paths whose bodies are not read as documents; only pauses are limited there.
        body_pause_s: Seconds that a client may pause within a body.
        document_s: Seconds within which a document must have come.
    """

    def __init__(
        self,
        app: ASGIApp,
        streamed: Collection[str] = (),
        body_pause_s: float = BODY_PAUSE_S,
        document_s: float = DOCUMENT_S,
    ) -> None:
        self._app, self._streamed = app, streamed
        self._pause_s, self._document_s = body_pause_s, document_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        _take_path(scope)
        if not _is_text(scope.get("raw_path") or b"") or not _is_text(scope["query_string"]):
            problem = make_problem(400, "invalid_request", "the path or the query has a NUL or is not UTF-8")
            await problem_response(problem)(scope, receive, send)
            return
        if _has_two_lengths(scope):
            problem = make_problem(400, "invalid_http", "the length of the body can be read in two ways")
            await problem_response(problem, {"Connection": "close"})(scope, receive, send)
            return
        is_document = scope["path"] not in self._streamed
        body = BodyReader(scope, receive, self._pause_s, self._document_s if is_document else None)
        response = GuardedResponse(send, body)
        try:
            if is_document:
                body.check_announced()
            await self._app(scope, body.receive, response.send)
        except Exception:
            if body.refused is None or response.started:
                raise
        if body.refused is not None and not response.started:
            log.info("body_refused", code=body.refused.code)
            problem = make_problem(body.refused.status, body.refused.code, body.refused.reason)
            body_less = GuardedResponse(send, body, refused=True)
            await problem_response(problem)(scope, receive, body_less.send)


class BodyReader:
    """Receives a body within its limits; ``within_s`` is None for one that is not a document."""

    def __init__(self, scope: Scope, receive: Receive, pause_s: float, within_s: float | None) -> None:
        headers = dict(scope["headers"])
        self._receive, self._pause_s = receive, pause_s
        self._began = asyncio.get_running_loop().time()
        self._ends_at = None if within_s is None else self._began + within_s
        self._announced = headers.get(b"content-length", b"0")
        self._more, self._bytes = True, 0
        self._has_body = self._announced != b"0" or b"transfer-encoding" in headers
        self.refused: BodyRefused | None = None

    @property
    def is_pending(self) -> bool:
        """Whether the client may still be sending."""
        return self._has_body and self._more

    async def drain(self) -> None:
        """Discard what the client still sends, for some seconds: most clients read the response after that only."""
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_S):
                while self._more:
                    message = await self._receive()
                    self._more = bool(message.get("more_body"))

    def check_announced(self) -> None:
        """Check the length that the client announces, before it sends anything.

        Raises:
            BodyRefused: If it is over the limit.
        """
        if self._announced.isdigit() and int(self._announced[:20]) > MAX_BODY_BYTES:
            self._refuse_size()

    async def receive(self) -> Message:
        """Return the next part; after the last one, wait for the client to go.

        Raises:
            BodyRefused: If the client paused for too long, or sent too much.
        """
        if not self._more:
            return await self._receive()
        try:
            async with asyncio.timeout(self._pause_s), asyncio.timeout_at(self._ends_at):
                message = await self._receive()
        except TimeoutError:
            self._refuse_pace()
        self._more = bool(message.get("more_body"))
        self._bytes += len(message.get("body", b""))
        if self._ends_at is not None and self._bytes > MAX_BODY_BYTES:
            self._refuse_size()
        seconds = asyncio.get_running_loop().time() - self._began
        if self._more and seconds > SETTLED_S and self._bytes < seconds * MIN_BYTES_PER_S:
            self._refuse_pace()
        return message

    def _refuse_pace(self) -> NoReturn:
        self._refuse(408, "too_slow", "the body did not come in time: send it faster, or in smaller requests")

    def _refuse_size(self) -> NoReturn:
        self._refuse(413, "too_large", f"the body has more than {MAX_BODY_BYTES} bytes")

    def _refuse(self, status: int, code: str, reason: str) -> NoReturn:
        self.refused = BodyRefused(status, code, reason)
        raise self.refused


class GuardedResponse:
    """Sends a response, and reads the rest of the body before its end.

    Args:
        send: Sends a message.
        body: The body of the request.
        refused: The response is the one to a refused body; any other response to it is dropped.
    """

    def __init__(self, send: Send, body: BodyReader, *, refused: bool = False) -> None:
        self._send, self._body, self._refused, self.started = send, body, refused, False

    async def send(self, message: Message) -> None:
        """Send a part of the response."""
        if not self.started and self._body.refused is not None and not self._refused:
            return
        if message["type"] == "http.response.start":
            self.started = True
            if self._body.is_pending:
                message["headers"] = [*message["headers"], (b"connection", b"close")]
        elif not message.get("more_body") and self._body.is_pending:
            await self._send({**message, "more_body": True})
            await self._body.drain()
            message = {"type": "http.response.body", "body": b""}
        await self._send(message)


def _has_two_lengths(scope: Scope) -> bool:
    """Return whether a proxy may find another end of the body than this server, and so another next request."""
    names = [name for name, _ in scope["headers"]]
    return b"transfer-encoding" in names and (b"content-length" in names or scope.get("http_version") == "1.0")


def _take_path(scope: Scope) -> None:
    """Leave the path of a target in absolute form, `http://HOST/PATH`, which a server must accept (RFC 9112, 3.2.2)."""
    scheme, colon, rest = (scope.get("raw_path") or b"").partition(b"://")
    if colon and scheme.lower() in (b"http", b"https"):
        scope["raw_path"] = b"/" + rest.partition(b"/")[2]
        scope["path"] = unquote(scope["raw_path"].decode("ascii", "replace"))


def _is_text(encoded: bytes) -> bool:
    raw = unquote_to_bytes(encoded)
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return b"\0" not in raw
