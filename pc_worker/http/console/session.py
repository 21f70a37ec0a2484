"""Who looks at the console: the token in a cookie, the role of each page, and the proof that a form is ours."""

from __future__ import annotations

import hmac
import secrets
from typing import Annotated, Any

from fastapi import Depends, Form, Request
from fastapi.responses import Response

from pc_worker.access import Role
from pc_worker.errors import PermissionDenied, Unauthenticated
from pc_worker.gateway.limits.quota import network_of
from pc_worker.http.context import context_of
from pc_worker.http.roles import HttpCaller

#: The cookies: the token, which scripts cannot read and other sites do not send; and the secret of the forms.
TOKEN_COOKIE, FORM_COOKIE = "pcw_session", "pcw_form"
SESSION_S = 12 * 3600


class SignInNeeded(Unauthenticated):
    """The page needs a token, and the browser has none that is valid."""


class ConsoleNeeds:
    """A dependency: authenticates the browser, and checks its role and the domain that the URL names."""

    def __init__(self, role: Role) -> None:
        self.role: Role = role

    async def __call__(self, request: Request) -> HttpCaller:
        """Return the caller.

        Raises:
            SignInNeeded: Without a valid token.
            PermissionDenied: If the token does not have the role.
            NotFound: If it is not for the domain in the path or the query.
            RateLimited: If there were too many requests.
        """
        context, host = context_of(request), request.client.host if request.client else ""
        await context.limiter.admit_address(network_of(host))
        token = request.cookies.get(TOKEN_COOKIE)
        try:
            grant = await context.authenticator.grant(None if token is None else f"Bearer {token}")
        except Unauthenticated as exc:
            raise SignInNeeded(str(exc)) from exc
        if grant.token is not None:
            await context.limiter.admit_token(grant.token)
        caller = HttpCaller(grant, host)
        request.state.caller, request.state.is_narrow = caller.label, caller.domains is not None
        grant.check_role(self.role)
        for domain in (request.path_params.get("domain"), *request.query_params.getlist("domain")):
            if domain:
                caller.check(domain)
        return caller


Viewer = Annotated[HttpCaller, Depends(ConsoleNeeds("read"))]
Editor = Annotated[HttpCaller, Depends(ConsoleNeeds("write"))]
Operator = Annotated[HttpCaller, Depends(ConsoleNeeds("admin"))]


def form_secret(request: Request) -> str:
    """Return the secret that this browser's forms carry; a new one for a browser that has none."""
    kept = request.cookies.get(FORM_COOKIE, "")
    if len(kept) < 32:
        kept = getattr(request.state, "form_secret", None) or secrets.token_urlsafe(32)
        request.state.form_secret = kept
    return kept


def set_cookie(response: Response, request: Request, name: str, value: str) -> None:
    """Set a cookie that scripts cannot read and that requests from other sites do not carry."""
    response.set_cookie(
        name, value, max_age=SESSION_S, httponly=True, samesite="strict", secure=request.url.scheme == "https", path="/"
    )


async def own_form(request: Request, form_secret: Annotated[str, Form(max_length=200)] = "") -> None:
    """Check that a form was made by a page of ours, in this browser.

    Raises:
        PermissionDenied: If not: another site may have sent it.
    """
    kept = request.cookies.get(FORM_COOKIE, "")
    site = request.headers.get("sec-fetch-site", "same-origin")
    if len(kept) < 32 or site != "same-origin" or not hmac.compare_digest(kept, form_secret):
        raise PermissionDenied("this form is not from a page of this console, or too old: load the page again")


#: For routes that act: ``dependencies=[OwnForm]``.
OwnForm: Any = Depends(own_form)
