"""Authorisation: bearer tokens, each valid for all domains or for some."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pc_worker.errors import InvalidRequest, PermissionDenied, Unauthenticated

SHA256 = re.compile(r"[0-9a-f]{64}")
SCHEME = "bearer "


@dataclass(frozen=True, slots=True)
class Grant:
    """What a call may read: the sha256 of its token (None without one), and the domains of the token (None = all)."""

    token: str | None
    domains: frozenset[str] | None

    def check(self, domain: str) -> None:
        """Check that the call may read ``domain``.

        Raises:
            PermissionDenied: If its token is not valid for it.
        """
        if self.domains is not None and domain not in self.domains:
            raise PermissionDenied(f"this token is not for domain {domain[:80]!r}")


EVERYTHING = Grant(None, None)


class Access:
    """The configured tokens. If there are none, every call may read everything."""

    def __init__(self, *, token: str | None, tokens: Mapping[str, frozenset[str]]) -> None:
        self._domains: dict[bytes, frozenset[str] | None] = {
            bytes.fromhex(digest): domains for digest, domains in tokens.items()
        }
        if token is not None:
            self._domains[_digest(token)] = None

    @property
    def required(self) -> bool:
        """Whether calls need a token."""
        return bool(self._domains)

    def grant(self, metadata: Iterable[tuple[str, str | bytes]] | None) -> Grant:
        """Return what the call's token allows; everything if no tokens are configured.

        Raises:
            Unauthenticated: If a token is required and the call has no valid one.
        """
        if not self.required:
            return EVERYTHING
        digest = _digest(_token(metadata or ()))
        # Every token is compared, each in constant time: the duration reveals nothing about a guess.
        found = [domains for known, domains in self._domains.items() if hmac.compare_digest(known, digest)]
        if not found:
            raise Unauthenticated("a known token is needed: send metadata `authorization: Bearer TOKEN`")
        return Grant(digest.hex(), found[0])


def read_tokens(path: Path) -> dict[str, frozenset[str]]:
    """Read a tokens file: a JSON object, sha256 of a token in hexadecimal → list of domains.

    Raises:
        InvalidRequest: If the file cannot be read or has another form.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise InvalidRequest(f"PC_WORKER_TOKENS_FILE: cannot read {path}: {exc}") from exc
    if not isinstance(content, dict):
        raise InvalidRequest(f"PC_WORKER_TOKENS_FILE: {path} is not an object of sha256 → list of domains")
    return {_checked_digest(path, digest): _checked_domains(path, domains) for digest, domains in content.items()}


def _checked_digest(path: Path, digest: str) -> str:
    if not SHA256.fullmatch(digest.lower()):
        raise InvalidRequest(f"PC_WORKER_TOKENS_FILE: {path}: {digest[:12]!r}… is not a sha256 in hexadecimal")
    return digest.lower()


def _checked_domains(path: Path, domains: object) -> frozenset[str]:
    if not isinstance(domains, list) or not all(isinstance(domain, str) for domain in domains):
        raise InvalidRequest(f"PC_WORKER_TOKENS_FILE: {path}: {domains!r} is not a list of domains")
    return frozenset(domains)


def _token(metadata: Iterable[tuple[str, str | bytes]]) -> str:
    value = next((value for key, value in metadata if key == "authorization"), "")
    if not isinstance(value, str) or not value.lower().startswith(SCHEME):
        raise Unauthenticated("a token is needed: send metadata `authorization: Bearer TOKEN`")
    return value[len(SCHEME) :].strip()


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
