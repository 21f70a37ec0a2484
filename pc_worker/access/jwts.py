"""JWTs: who issued them, for whom, and what their fields allow."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import jwt

from pc_worker.access.grant import ALL_ROLES, Grant
from pc_worker.access.jwks import Keys, KeySet
from pc_worker.access.tokens import digest_of
from pc_worker.errors import Unauthenticated

DOMAINS, ROLES = "pcw_domains", "pcw_roles"
REQUIRED = ["exp", "iss", "aud"]
#: Another key may be that of the token.
WRONG_KEY = (jwt.InvalidSignatureError, jwt.InvalidAlgorithmError)
#: Seconds by which the issuer's clock may be ahead of ours: a token is often used in the second it was issued in.
AHEAD_S = 30.0


class JwtVerifier:
    """Checks JWTs of one issuer.

    Args:
        keys: The issuer's keys.
        issuer: What ``iss`` must be.
        audience: What ``aud`` must contain.
    """

    def __init__(self, keys: KeySet, *, issuer: str, audience: str) -> None:
        self._keys, self._issuer, self._audience = keys, issuer, audience

    async def grant(self, token: str) -> Grant:
        """Return what a JWT allows; one without our fields allows nothing.

        Raises:
            Unauthenticated: If it is not valid, with the reason.
            Unavailable: If the issuer's keys cannot be fetched.
        """
        try:
            kid = jwt.get_unverified_header(token).get("kid")
            claims = await self._claims(token, kid if isinstance(kid, str) else None)
            _check_begun(claims)
        except (jwt.PyJWTError, ValueError, TypeError) as exc:
            raise Unauthenticated(f"this token is not valid: {exc}") from exc
        subject = claims.get("sub")
        who = subject if isinstance(subject, str) else token
        roles = _texts(claims.get(ROLES))
        return Grant(
            digest_of(f"jwt\n{self._issuer}\n{who}").hex(),
            _texts(claims.get(DOMAINS)),
            frozenset(role for role in ALL_ROLES if role in roles),
            subject if isinstance(subject, str) and subject.isprintable() else None,
        )

    async def _claims(self, token: str, kid: str | None) -> dict[str, Any]:
        keys = await self._keys.find(kid)
        try:
            return self._decoded(token, keys)
        except WRONG_KEY:  # the issuer has another key of this id now, or ids are not used
            others = await self._keys.find(kid, again=True)
            if others == keys:
                raise
            return self._decoded(token, others)

    def _decoded(self, token: str, keys: Keys) -> dict[str, Any]:
        wrong: jwt.PyJWTError | None = None
        for key in keys:
            try:
                return jwt.decode(
                    token,
                    key.key,
                    algorithms=list(key.algorithms),
                    issuer=self._issuer,
                    audience=self._audience,
                    options={"require": REQUIRED, "verify_nbf": False, "verify_iat": False},
                )
            except WRONG_KEY as exc:
                wrong = exc
        raise wrong or Unauthenticated("this token is signed with a key that its issuer does not have")


def _check_begun(claims: Mapping[str, Any]) -> None:
    """Check that the token is of now and not of later; its end is checked without tolerance."""
    for name in ("nbf", "iat"):
        at = claims.get(name, 0)
        if isinstance(at, bool) or not isinstance(at, int | float):
            raise Unauthenticated(f"this token is not valid: {name} is not a number")
        if not at <= time.time() + AHEAD_S:
            raise Unauthenticated(f"this token is not valid yet: its {name} is in the future")


def _texts(claim: object) -> frozenset[str]:
    """Return the texts of a field: a list of them, or one text with spaces between them, as of OAuth's scopes."""
    if isinstance(claim, str):
        return frozenset(claim.split())
    return frozenset(part for part in claim if isinstance(part, str)) if isinstance(claim, list) else frozenset()
