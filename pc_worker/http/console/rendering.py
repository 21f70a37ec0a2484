"""Pages: their templates, their headers, and errors as pages."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.routing import APIRoute
from jinja2 import Environment, PackageLoader, StrictUndefined

from pc_worker import __version__
from pc_worker.errors import PcWorkerError, Unauthenticated
from pc_worker.http.console.session import FORM_COOKIE, form_secret, set_cookie
from pc_worker.http.requests.connections import ends_with_client, while_connected
from pc_worker.http.requests.roles import needs_of

#: Nothing is loaded from elsewhere, no script or style is part of a page, and no other site shows it in a frame.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
#: With `no-referrer`, as the API has it, browsers would name no origin for forms, and a form without one is refused.
HEADERS = {"Content-Security-Policy": POLICY, "Cache-Control": "no-store", "Referrer-Policy": "same-origin"}


def duration(seconds: float | None) -> str:
    """Return seconds for people.

    >>> [duration(value) for value in (None, 0.25, 12.34, 75, 7384)]
    ['–', '0.25 s', '12.3 s', '1 min 15 s', '2 h 3 min']
    """
    if seconds is None:
        return "–"
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def shown_time(time: datetime | str | None) -> str:
    """Return a time in UTC to the second."""
    if time is None:
        return "–"
    value = datetime.fromisoformat(time) if isinstance(time, str) else time
    return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def number(value: float | None) -> str:
    """Return a number with separators between thousands."""
    return "–" if value is None else f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"


ENVIRONMENT = Environment(
    loader=PackageLoader("pc_worker.http.console"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
ENVIRONMENT.filters |= {"duration": duration, "shown_time": shown_time, "number": number}


def render(request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """Return a page."""
    caller, secret = getattr(request.state, "caller", None), form_secret(request)
    name = None if caller is None else caller.label
    shared = {"version": __version__, "caller": name, "path": request.url.path, "form_secret": secret}
    text = ENVIRONMENT.get_template(template).render(**shared, **values)
    response = HTMLResponse(text, status, HEADERS)
    if request.cookies.get(FORM_COOKIE) != secret:
        set_cookie(response, request, FORM_COOKIE, secret)
    return response


def see(url: str) -> RedirectResponse:
    """Return the answer to a form: look there, with a GET."""
    return RedirectResponse(url, HTTPStatus.SEE_OTHER)


class PageRoute(APIRoute):
    """A route whose errors are pages, and which sends a browser without a token to the sign-in."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler with its errors turned into pages."""
        handler, needs = super().get_route_handler(), needs_of(self.dependant)
        is_left = ends_with_client(self.dependant)

        async def answer(request: Request) -> Response:
            try:
                if needs is not None:  # before anything of a form is read
                    await needs.admit(request)
                return await (while_connected(handler, request) if is_left else handler(request))
            except Unauthenticated:
                there = request.url.path + (f"?{request.url.query}" if request.url.query else "")
                return see(f"/login?next={quote(there if request.method == 'GET' else '/', safe='')}")
            except PcWorkerError as exc:
                return _error(request, exc.http_status, str(exc))
            except RequestValidationError as exc:
                first = exc.errors()[0]
                place = ".".join(str(part) for part in first["loc"][1:])
                return _error(request, 422, f"{place}: {first['msg']}")

        return answer


def _error(request: Request, status: int, sentence: str) -> HTMLResponse:
    return render(request, "error.html", status=status, title=HTTPStatus(status).phrase, sentence=sentence)


def page_router() -> APIRouter:
    """Return a router for pages; they are no part of the API's document."""
    return APIRouter(route_class=PageRoute, include_in_schema=False, default_response_class=HTMLResponse)
