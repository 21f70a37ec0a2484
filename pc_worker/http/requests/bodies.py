"""JSON bodies: read with bounds, so that no document of a few bytes costs much more than its bytes."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute

from pc_worker.errors import UnsupportedMedia
from pc_worker.http.requests.connections import ends_with_client, while_connected
from pc_worker.http.requests.roles import needs_of

#: A longer integer fits no field, and takes time with the square of its length.
MAX_DIGITS = 400
#: What can be neither stored nor sent: NUL, and half of a pair of surrogates.
UNSTORABLE: tuple[bytes, ...] = (b"\\u0000", b"\\ud", b"\\uD")
#: Characters of the place of an error, and of its reason.
PLACE_CHARS, REASON_CHARS = 60, 240


class BoundedJson(Request):
    """A request whose JSON is read within bounds."""

    async def json(self) -> Any:
        """Return the body's document.

        Raises:
            json.JSONDecodeError: If it is none, too deep, or has a text or a number that nothing can hold.
        """
        if not hasattr(self, "_json"):
            self._json = read_json(await self.body())
        return self._json


class BoundedRoute(APIRoute):
    """A route whose JSON bodies are read within bounds."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler, which reads the body with ``BoundedJson``."""
        handler = super().get_route_handler()

        needs, takes_body = needs_of(self.dependant), self.body_field is not None
        is_left = ends_with_client(self.dependant)

        async def bounded(request: Request) -> Response:
            if needs is not None:  # before anything of the body is read
                await needs.admit(request)
            if takes_body:
                check_json_type(request)
            read = BoundedJson(request.scope, request.receive)
            return await (while_connected(handler, read) if is_left else handler(read))

        return bounded


def has_body(request: Request) -> bool:
    """Return whether a request has a body."""
    return request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers


def check_json_type(request: Request) -> None:
    """Check that a body, if there is one, is announced to be JSON that is not compressed.

    Raises:
        UnsupportedMedia: If it is not.
    """
    if not has_body(request):
        return  # the framework names what is missing
    coding = request.headers.get("content-encoding", "").strip().lower()
    if coding not in ("", "identity"):
        raise UnsupportedMedia(f"a compressed body is not read: send it without `Content-Encoding: {coding[:40]}`")
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
        raise UnsupportedMedia(f"the body must be JSON: send the header `Content-Type: application/json`, not {kind!r}")


def api_router(*, prefix: str = "", tag: str) -> APIRouter:
    """Return a router for routes of the API; every router of this package is made here."""
    return APIRouter(prefix=prefix, tags=[tag], route_class=BoundedRoute)


def read_json(body: bytes) -> Any:
    """Return the document in ``body``.

    Raises:
        json.JSONDecodeError: If it is none, too deep, or has a text or a number that nothing can hold.
    """
    try:
        text = body.decode("utf-8")
        document = json.loads(text, parse_int=_integer, parse_float=_number, parse_constant=_not_json)
        if any(escape in body for escape in UNSTORABLE):
            _check_texts(document)
    except json.JSONDecodeError:
        raise
    except (ValueError, RecursionError) as exc:
        raise json.JSONDecodeError(str(exc)[:REASON_CHARS], "", 0) from exc
    return document


def _integer(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError("an integer is too long")
    return int(digits)


def _number(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError("a number is too large")
    return number


def _not_json(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _check_texts(document: Any) -> None:
    """Raise ValueError for a text that can be neither stored nor sent, with its place in the document."""
    open_parts = [("", document)]
    while open_parts:
        place, part = open_parts.pop()
        if isinstance(part, str):
            _check_text(place, part)
        elif isinstance(part, dict):
            open_parts += [(place, key) for key in part]
            open_parts += [(_inside(place, key), value) for key, value in part.items()]
        elif isinstance(part, list):
            open_parts += [(_inside(place, str(n)), item) for n, item in enumerate(part)]


def _check_text(place: str, text: str) -> None:
    where = f"a text at `{place}`" if place else "a text"
    if "\0" in text:
        raise ValueError(f"{where} has the character NUL (\\u0000): remove it")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError(f"{where} has half of a surrogate pair (\\ud800 to \\udfff): send the whole character")


def _inside(place: str, name: str) -> str:
    """Return the place of a part, for people: of one that is deep or has a long name, only its beginning."""
    return place if len(place) > PLACE_CHARS else f"{place}.{name}".lstrip(".")[: 2 * PLACE_CHARS]
