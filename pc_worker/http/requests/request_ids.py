"""The id of each request: taken from `X-Request-Id` or made, sent back, and part of every log line and error."""

from __future__ import annotations

import re
import uuid

import structlog

HEADER = b"x-request-id"
#: What is taken from a client: it goes into logs and headers.
ACCEPTED = re.compile(rb"[A-Za-z0-9._:/+=-]{1,128}")


def begin_request(headers: list[tuple[bytes, bytes]]) -> str:
    """Bind the request's id to the log, and return it."""
    given = next((value for name, value in headers if name == HEADER), b"")
    request_id = given.decode("ascii") if ACCEPTED.fullmatch(given) else uuid.uuid4().hex
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=request_id)
    return request_id


def request_id_of() -> str | None:
    """Return the id of the request that is answered now."""
    request_id: str | None = structlog.contextvars.get_contextvars().get("request_id")
    return request_id
