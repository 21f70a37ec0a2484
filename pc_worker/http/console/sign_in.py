"""The sign-in with a token, the sign-out, and the files of the pages."""

from __future__ import annotations

from importlib.resources import files
from typing import Annotated

from fastapi import Form, Request
from fastapi.responses import Response

from pc_worker.errors import NotFound, Unauthenticated
from pc_worker.gateway.limits.quota import network_of
from pc_worker.http.console.rendering import page_router, render, see
from pc_worker.http.console.session import TOKEN_COOKIE, OwnForm, set_cookie
from pc_worker.http.requests.authentication import header_token
from pc_worker.http.requests.context import Context

router = page_router()

FILES = {"console.css": "text/css; charset=utf-8"}
FILES |= dict.fromkeys(("htmx.min.js", "ask.js"), "text/javascript; charset=utf-8")


def _inside(url: str) -> str:
    """Return a place of this console, never of another site."""
    return url if url.startswith("/") and not url.startswith(("//", "/\\")) else "/"


@router.get("/login")
async def sign_in_page(request: Request, context: Context, next: str = "/") -> Response:
    """Show the form for the token."""
    if not context.authenticator.required:
        return see(_inside(next))
    return render(request, "login.html", next=_inside(next), complaint="")


@router.post("/login", dependencies=[OwnForm])
async def sign_in(
    request: Request,
    context: Context,
    token: Annotated[str, Form(max_length=8_000)] = "",
    next: Annotated[str, Form(max_length=2_000)] = "/",
) -> Response:
    """Check the token and keep it in the browser."""
    await context.limiter.admit_address(network_of(request.client.host if request.client else ""))
    try:
        await context.authenticator.grant_of_token(token.strip())
    except Unauthenticated:
        complaint = "This token is not valid."
        return render(request, "login.html", status=401, next=_inside(next), complaint=complaint)
    response = see(_inside(next))
    set_cookie(response, request, TOKEN_COOKIE, header_token(token.strip()))
    return response


@router.post("/logout", dependencies=[OwnForm])
async def sign_out() -> Response:
    """Forget the token in the browser."""
    response = see("/login")
    response.delete_cookie(TOKEN_COOKIE, path="/")
    return response


@router.get("/static/{name}")
async def static_file(name: str) -> Response:
    """Return a file of the pages."""
    kind = FILES.get(name)
    if kind is None:
        raise NotFound("there is no such file")
    body = (files("pc_worker.http.console") / "static" / name).read_bytes()
    return Response(body, media_type=kind, headers={"Cache-Control": "max-age=3600"})
