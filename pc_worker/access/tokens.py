"""The configured bearer tokens: one for all domains, and a file of tokens with their domains and roles."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import structlog

from pc_worker.access.grant import ALL_ROLES, Grant
from pc_worker.errors import InvalidRequest

log = structlog.get_logger(__name__)

SHA256 = re.compile(r"[0-9a-f]{64}")
KEYS = {"name", "domains", "roles"}
#: Seconds between two checks of the file.
CHECK_EVERY_S = 1.0


class TokenTable:
    """The configured tokens; true if there are any.

    A file is read again when it changes, so that a new token is known and a removed one is not, without a restart. One
    that cannot be read then changes nothing and is tried again; one without a token admits no client.

    Args:
        token: A token for all domains, with all roles.
        tokens: sha256 of a token in hexadecimal → its grant.
        path: A tokens file.
        clock: Returns monotonic seconds.

    Raises:
        InvalidRequest: If the file cannot be read, has another form or no token.
    """

    def __init__(
        self,
        *,
        token: str | None = None,
        tokens: Mapping[str, Grant] | None = None,
        path: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path, self._clock, self._looked_at = path, clock, clock()
        self._stamp = _stamp(path)
        self._refused: tuple[int, int, int] | None = None
        self._always = _by_digest(tokens or {})
        if token is not None:
            digest = digest_of(token)
            self._always[digest] = Grant(digest.hex(), None)
        self._grants = {**(_by_digest(read_tokens(path)) if path else {}), **self._always}
        self._has_tokens = bool(self._grants)

    def __bool__(self) -> bool:
        return self._has_tokens

    def find(self, token: str) -> Grant | None:
        """Return the grant of a token; None if it is not a configured one."""
        self._read_again()
        digest = digest_of(token)
        # Every token is compared, each in constant time: the duration reveals nothing about a guess.
        found = [grant for known, grant in self._grants.items() if hmac.compare_digest(known, digest)]
        return found[0] if found else None

    def _read_again(self) -> None:
        now = self._clock()
        if self._path is None or now - self._looked_at < CHECK_EVERY_S:
            return
        self._looked_at = now
        stamp = _stamp(self._path)
        if stamp is None or stamp == self._stamp:
            return
        try:
            found = read_tokens(self._path, may_be_empty=True)
        except InvalidRequest as exc:
            # Read again all the same: a right, or a file descriptor, may have been missing.
            if stamp != self._refused:
                log.error("tokens_not_read", reason=str(exc))
            self._refused = stamp
            return
        self._stamp, self._refused = stamp, None
        self._grants = {**_by_digest(found), **self._always}
        log.info("tokens_read", tokens=len(found))


def _by_digest(tokens: Mapping[str, Grant]) -> dict[bytes, Grant]:
    return {bytes.fromhex(digest): replace(grant, token=digest) for digest, grant in tokens.items()}


def _stamp(path: Path | None) -> tuple[int, int, int] | None:
    """Return what changes with the file; None if it cannot be looked at now."""
    try:
        found = path.stat() if path else None
    except OSError:
        return None
    return None if found is None else (found.st_mtime_ns, found.st_ino, found.st_size)


def digest_of(token: str) -> bytes:
    """Return the sha256 of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def read_tokens(path: Path, *, may_be_empty: bool = False) -> dict[str, Grant]:
    """Read a tokens file: a JSON object, sha256 of a token in hexadecimal → its grant.

    A grant is a list of domains, with all roles, or an object ``{"name", "domains", "roles"}``, whose name is optional.

    Raises:
        InvalidRequest: If the file cannot be read or has another form.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as exc:
        raise InvalidRequest(f"PC_WORKER_TOKENS_FILE: cannot read {path}: {exc.strerror}") from exc
    except (ValueError, RecursionError) as exc:
        raise InvalidRequest(f"PC_WORKER_TOKENS_FILE: {path} is not JSON: {exc}") from exc
    if not isinstance(content, dict):
        _refuse(path, "it is not an object of sha256 → domains and roles")
    if not content and not may_be_empty:  # the last token was revoked: that must not let everybody in
        _refuse(path, "it has no token: add one, or unset the variable to let everybody in")
    return {_checked_digest(path, digest): _checked_grant(path, digest, value) for digest, value in content.items()}


def _checked_digest(path: Path, digest: str) -> str:
    if not SHA256.fullmatch(digest.lower()):
        _refuse(path, f"{digest[:12]!r}… is not a sha256 in hexadecimal")
    return digest.lower()


def _checked_grant(path: Path, digest: str, value: object) -> Grant:
    if isinstance(value, list):
        value = {"domains": value, "roles": sorted(ALL_ROLES)}
    if not isinstance(value, dict) or not {"domains", "roles"} <= value.keys() <= KEYS:
        _refuse(path, f'{value!r} is neither a list of domains nor an object of "name", "domains" and "roles"')
    name, roles = value.get("name"), _texts(path, value["roles"], "a list of roles")
    if name is not None and not isinstance(name, str):
        _refuse(path, f"the name {name!r} is not a text")
    known = frozenset(role for role in ALL_ROLES if role in roles)
    if known != roles:
        _refuse(path, f"there is no role {min(roles - known)!r}: roles are {', '.join(sorted(ALL_ROLES))}")
    return Grant(digest.lower(), _texts(path, value["domains"], "a list of domains"), known, name)


def _texts(path: Path, value: object, what: str) -> frozenset[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        _refuse(path, f"{value!r} is not {what}")
    return frozenset(value)


def _refuse(path: Path, reason: str) -> NoReturn:
    raise InvalidRequest(f"PC_WORKER_TOKENS_FILE: {path}: {reason}")
