"""Who looks at the console: the token in a cookie, the role of each page, and the proof that a form is ours."""

from __future__ import annotations

import hmac
import secrets
from typing import Annotated, Any

from fastapi import Depends, Form, Request
from fastapi.responses import Response

from pc_worker.domains import domain_names
from pc_worker.errors import PermissionDenied
from pc_worker.http.requests.roles import HttpCaller, Needs

#: The cookies: the token, which scripts cannot read and other sites do not send; and the secret of the forms.
TOKEN_COOKIE, FORM_COOKIE = "pcw_session", "pcw_form"
SESSION_S = 12 * 3600


class ConsoleNeeds(Needs):
    """The same for a browser, which has the token in a cookie."""

    async def __call__(self, request: Request) -> HttpCaller:  # type: ignore[override]  # no header is part of it
        """Return the caller, whom the route has admitted before it read the form."""
        caller: HttpCaller | None = getattr(request.state, "caller", None)
        return await self.admit(request) if caller is None else caller

    def authorization(self, request: Request) -> str | None:
        """Return the token of the cookie, as a header would hold it."""
        token = request.cookies.get(TOKEN_COOKIE)
        return None if token is None else f"Bearer {token}"


Viewer = Annotated[HttpCaller, Depends(ConsoleNeeds("read"))]
Editor = Annotated[HttpCaller, Depends(ConsoleNeeds("write"))]
Operator = Annotated[HttpCaller, Depends(ConsoleNeeds("admin"))]


def known_domains(caller: HttpCaller) -> list[str]:
    """Return the declared domains that the caller may know."""
    return [name for name in domain_names() if caller.allows(name)]


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
    is_equal = hmac.compare_digest(kept.encode("utf-8", "replace"), form_secret.encode("utf-8", "replace"))
    if len(kept) < 32 or site != "same-origin" or not is_equal:
        raise PermissionDenied("this form is not from a page of this console, or too old: load the page again")


#: For routes that act: ``dependencies=[OwnForm]``.
OwnForm: Any = Depends(own_form)
