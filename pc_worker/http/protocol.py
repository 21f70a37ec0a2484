"""HTTP/1.1 connections: uvicorn's, with a time for the head of a request and a problem document for a broken one."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from contextlib import suppress
from http import HTTPStatus
from typing import Any, ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from pc_worker.http.requests.problems import MEDIA_TYPE, make_problem

#: Seconds within which the head of a request must have come, from its first byte or from the connection on.
HEAD_S = 20.0


#: Seconds after the response to a broken request until the connection is closed.
LINGER_S = 2.0
#: Connections at once, in total and from one host: idle ones cost little, but file descriptors end.
MAX_CONNECTIONS, MAX_OF_HOST = 4096, 1024


class BoundedProtocol(H11Protocol):
    """A connection that is closed when it does not send a request in time."""

    _hosts: ClassVar[Counter[str]] = Counter()

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._head_timer: asyncio.TimerHandle | None = None
        self._host, self._is_over = "", False

    def connection_made(self, transport: Any) -> None:
        """Begin: the first request must come in time."""
        super().connection_made(transport)
        self._host = self.client[0] if self.client else ""
        self._hosts[self._host] += 1
        if len(self.connections) > MAX_CONNECTIONS or self._hosts[self._host] > MAX_OF_HOST:
            transport.abort()
        else:
            self._start_timer()

    def data_received(self, data: bytes) -> None:
        """Read what came; a head that is not complete yet must be within its time."""
        if self._is_over:
            return
        super().data_received(data)
        if self._is_over:
            return
        if self.conn.their_state is not h11.IDLE:
            self._stop_timer()
        elif self._head_timer is None and not self.transport.is_closing():
            self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._stop_timer()
        self._hosts[self._host] -= 1
        if not self._hosts[self._host]:
            del self._hosts[self._host]
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Answer a request that is no HTTP, or whose head is too large, and close the connection."""
        status = HTTPStatus(getattr(sys.exc_info()[1], "error_status_hint", HTTPStatus.BAD_REQUEST))
        code = "head_too_large" if status is HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE else "invalid_http"
        problem = make_problem(status, code, "the request is no valid HTTP, or its head is too large")
        body = json.dumps(problem.model_dump(mode="json", exclude_defaults=True)).encode()
        kind = (b"content-type", MEDIA_TYPE.encode())
        headers = [kind, (b"content-length", b"%d" % len(body)), (b"connection", b"close")]
        response = h11.Response(status_code=status, headers=headers, reason=status.phrase.encode())
        # In the middle of a response no other one can be sent.
        with suppress(h11.LocalProtocolError):
            for event in (response, h11.Data(data=body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        self._linger()

    def _linger(self) -> None:
        """Close after some seconds, in which the rest is dropped: otherwise the client may lose the response."""
        self._is_over = True
        self._stop_timer()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._head_timer = self.loop.call_later(LINGER_S, self.transport.abort)

    def _start_timer(self) -> None:
        self._head_timer = self.loop.call_later(HEAD_S, self.transport.abort)

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
