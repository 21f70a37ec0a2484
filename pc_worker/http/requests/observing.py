"""What is kept of every request: an id, a log line without its content, and metrics."""

from __future__ import annotations

import time
from collections.abc import MutableMapping
from typing import Any

import structlog
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pc_worker.http.requests import metrics
from pc_worker.http.requests.request_ids import begin_request
from pc_worker.tracing import span, untraced

log = structlog.get_logger("pc_worker.http.access")

METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
TRACE_HEADERS = (b"traceparent", b"tracestate", b"baggage")
#: Health checks come every few seconds.
QUIET = frozenset(("/healthz", "/readyz"))
#: Of all responses, unless a route has its own: nothing is taken for another type or shown in a frame.
SAFE_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)


class ObservedRequests:
    """Middleware, the outermost: names, logs and counts every request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        record = RequestRecord(scope)
        quiet = scope["path"] in QUIET
        traced = untraced() if quiet else span("request", kind="server", parent=lambda: _trace_headers(scope))
        with metrics.OPEN.track_inprogress(), traced as current:
            try:
                await self._app(scope, receive, record.sending(send))
            except ClientDisconnect:  # no error of ours, and no reader of a response
                pass
            except Exception as exc:  # its response is sent, or its client has gone
                record.failed(exc)
                current.failed(type(exc).__name__)
                if not record.status:
                    raise
            finally:
                record.finish()
                current.set(http__route=record.route, http__request__method=record.method)
                current.set(http__response__status_code=record.status or None)


def _trace_headers(scope: Scope) -> dict[str, str]:
    found = ((name.decode("latin-1"), value) for name, value in scope["headers"] if name in TRACE_HEADERS)
    return {name: value.decode("latin-1") for name, value in found}


class RequestRecord:
    """What is known of one request."""

    def __init__(self, scope: MutableMapping[str, Any]) -> None:
        self._scope, self._began = scope, time.perf_counter()
        self._request_id = begin_request(scope["headers"])
        self.status, self._bytes = 0, 0

    def sending(self, send: Send) -> Send:
        """Return ``send``, which adds our headers and counts."""

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.status = message["status"]
                present = {name for name, _ in message["headers"]}
                ours = [(b"x-request-id", self._request_id.encode()), *SAFE_HEADERS]
                message["headers"] = [*message["headers"], *(item for item in ours if item[0] not in present)]
            else:
                self._bytes += len(message.get("body", b""))
            await send(message)

        return counted

    def failed(self, exc: Exception) -> None:
        """Log an error of ours."""
        log.error("request_broke", route=self.route, error=type(exc).__name__, exc_info=exc)

    @property
    def route(self) -> str:
        """The path of the route as it is declared, which a client cannot invent."""
        found = self._scope.get("route")
        return str(getattr(found, "path", None) or "none")

    @property
    def method(self) -> str:
        """The method, or `other`: a client can invent methods, too."""
        return self._scope["method"] if self._scope["method"] in METHODS else "other"

    def finish(self) -> None:
        """Count the request, and log it without its query and its content."""
        seconds = time.perf_counter() - self._began
        metrics.REQUESTS.labels(self.route, self.method, str(self.status or 499)).inc()
        metrics.REQUEST_SECONDS.labels(self.route).observe(seconds)
        if self.route not in QUIET:
            log.info(
                "request",
                route=self.route,
                method=self.method,
                status=self.status or 499,
                ms=round(seconds * 1000, 1),
                bytes=self._bytes,
                client=(self._scope.get("client") or ("",))[0],
                caller=getattr(self._scope.get("state", {}).get("caller"), "label", None),
            )
