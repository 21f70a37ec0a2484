"""Who makes a request: the bearer token in its header, and what it allows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pc_worker.access import EVERYTHING, Grant, TokenTable
from pc_worker.errors import Unauthenticated

if TYPE_CHECKING:
    from pc_worker.access.jwts import JwtVerifier

SCHEME = "bearer "
#: Between header, payload and signature.
JWT_DOTS = 2


def sent_token(text: str) -> str:
    """Return the token of a header, which the server reads as Latin-1 and clients write as UTF-8.

    >>> sent_token(header_token("열쇠"))
    '열쇠'
    """
    return text.encode("latin-1", "replace").decode("utf-8", "surrogateescape")


def header_token(token: str) -> str:
    """Return a token as a header, or a cookie, holds it."""
    return token.encode("utf-8", "replace").decode("latin-1")


class Authenticator:
    """Finds what a request's token allows; without configured tokens, every request may do everything."""

    def __init__(self, tokens: TokenTable, jwts: JwtVerifier | None = None) -> None:
        self._tokens, self._jwts = tokens, jwts

    @property
    def required(self) -> bool:
        """Whether requests need a token."""
        return bool(self._tokens) or self._jwts is not None

    async def grant(self, authorization: str | None) -> Grant:
        """Return what the header ``Authorization`` allows.

        Raises:
            Unauthenticated: If a token is required and the header has no valid one.
        """
        if not self.required:
            return EVERYTHING
        if authorization is None or not authorization.lower().startswith(SCHEME):
            raise Unauthenticated("a token is needed: send the header `Authorization: Bearer TOKEN`")
        return await self.grant_of_token(sent_token(authorization[len(SCHEME) :].strip(" \t")))

    async def grant_of_token(self, token: str) -> Grant:
        """Return what a token allows.

        Raises:
            Unauthenticated: If it is not a valid one.
            Unavailable: If it is a JWT and the keys of its issuer cannot be fetched.
        """
        grant = self._tokens.find(token)
        if grant is None and self._jwts is not None and token.count(".") == JWT_DOTS:
            grant = await self._jwts.grant(token)
        if grant is None:
            raise Unauthenticated("this token is not known: send the header `Authorization: Bearer TOKEN`")
        return grant
