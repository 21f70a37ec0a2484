"""Authorisation of gRPC calls: a bearer token in their metadata."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from pc_worker.access import EVERYTHING, Grant, TokenTable
from pc_worker.errors import Unauthenticated

SCHEME = "bearer "


class Access:
    """The configured tokens. If there are none, every call may read everything."""

    def __init__(self, *, token: str | None, tokens: Mapping[str, Grant], path: Path | None = None) -> None:
        self._table = TokenTable(token=token, tokens=tokens, path=path)

    @property
    def required(self) -> bool:
        """Whether calls need a token."""
        return bool(self._table)

    def grant(self, metadata: Iterable[tuple[str, str | bytes]] | None) -> Grant:
        """Return what the call's token allows; everything if no tokens are configured.

        Raises:
            Unauthenticated: If a token is required and the call has no valid one.
            PermissionDenied: If the token does not have the role ``read``, which every call needs.
        """
        if not self.required:
            return EVERYTHING
        grant = self._table.find(_token(metadata or ()))
        if grant is None:
            raise Unauthenticated("a known token is needed: send metadata `authorization: Bearer TOKEN`")
        grant.check_role("read")
        return grant


def _token(metadata: Iterable[tuple[str, str | bytes]]) -> str:
    value = next((value for key, value in metadata if key == "authorization"), "")
    if not isinstance(value, str) or not value.lower().startswith(SCHEME):
        raise Unauthenticated("a token is needed: send metadata `authorization: Bearer TOKEN`")
    return value[len(SCHEME) :].strip()
