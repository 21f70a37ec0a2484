"""The public keys of an issuer of JWTs: read from a file or a URL, cached, and read again when none fits a token.

Only keys with which a signature can be checked and not made are used. The algorithm belongs to the key, so a token
cannot choose it; of an RSA key without one, its hash and its padding.
"""

from __future__ import annotations

import asyncio
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
import structlog

from pc_worker.errors import InvalidRequest, Unavailable

log = structlog.get_logger(__name__)

RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
#: Two names of one algorithm: RFC 8037, which PyJWT knows, and RFC 9864.
ED25519 = ("EdDSA", "Ed25519")
with suppress(ValueError):  # a later PyJWT knows it
    jwt.register_algorithm("Ed25519", jwt.algorithms.OKPAlgorithm())
ALGORITHMS = frozenset((*RSA, "ES256", "ES384", "ES512", "ES256K", "EdDSA"))
MAX_BYTES = 1024 * 1024
PIECE = 64 * 1024
#: Seconds that one step of a fetch may take, and all of it.
FETCH_S = 5.0
#: Seconds that a token with a known key waits for keys that are due to be fetched again, or that could not be fetched.
KNOWN_WAIT_S = 1.0
#: Seconds that fetched keys are used before they are fetched again.
FRESH_S = 600.0
#: Fetches that may follow each other, and the seconds within which as many are allowed again, one by one: tokens that
#: no key fits are free to make, and must neither load the issuer nor use up what a new key needs.
MAX_FETCHES, WITHIN_S = 5, 60.0


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A public key, its id if it has one, and the algorithms that its signatures may have."""

    kid: str | None
    key: Any
    algorithms: tuple[str, ...]


Keys = tuple[SigningKey, ...]


class KeySet:
    """The keys of an issuer.

    Args:
        source: A path, or an ``http(s)://`` URL.
        clock: Returns monotonic seconds.
    """

    def __init__(self, source: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._source, self._clock = source, clock
        self._is_url = source.lower().startswith(("https://", "http://"))
        self._keys: Keys = ()
        self._read_at: float | None = None
        self._failed = False
        self._stamp: tuple[int, int] | None = None
        self._allowed, self._counted_at = float(MAX_FETCHES), clock()
        self._fetching: asyncio.Task[None] | None = None

    def check(self) -> None:
        """Read the keys of a file now; those of a URL are fetched when they are needed.

        Raises:
            InvalidRequest: If the file is no set of keys.
        """
        if not self._is_url:
            self._read_file()

    async def find(self, kid: str | None, *, again: bool = False) -> Keys:
        """Return the keys with which a token may be signed: those of this id, or all for a token that names none.

        Args:
            kid: The id that the token names.
            again: None of those found before fits: the issuer may have others now.

        Raises:
            Unavailable: If the URL does not answer, and there are no keys yet, none of this id, or none that fits
                among keys that are due to be fetched again.
        """
        if self._is_url:
            await self._refresh(kid, again=again)
        elif self._changed():
            try:
                self._read_file()
            except InvalidRequest as exc:  # a file that is being replaced: the keys stay
                log.warning("keys_not_read", reason=str(exc))
        return self._of(kid)

    def _of(self, kid: str | None) -> Keys:
        return tuple(key for key in self._keys if kid is None or key.kid == kid)

    async def _refresh(self, kid: str | None, *, again: bool) -> None:
        """Fetch the keys if they are old or none fits; all callers wait for the same fetch."""
        is_known = not again and bool(self._of(kid))
        if is_known and self._is_fresh():
            return
        is_brief = is_known or (self._failed and self._decides(kid, again=again))
        if (self._fetching is None or self._fetching.done()) and self._may_fetch():
            self._fetching = asyncio.create_task(self._fetch())
        if self._fetching is not None:
            await asyncio.wait({self._fetching}, timeout=KNOWN_WAIT_S if is_brief else 2 * FETCH_S)
        is_behind = self._failed or (self._fetching is not None and not self._fetching.done())
        if self._read_at is None or (is_behind and not self._decides(kid, again=again)):
            raise Unavailable("the keys of the token's issuer cannot be fetched: try again later")

    def _is_fresh(self) -> bool:
        return self._read_at is not None and self._clock() - self._read_at < FRESH_S

    def _decides(self, kid: str | None, *, again: bool) -> bool:
        """Return whether the keys we have are enough to judge a token, although newer ones cannot be fetched.

        Anyone can sign a token wrongly with the id of a known key: that is a wrong token unless our keys are old.
        """
        return bool(self._of(kid)) and (not again or self._is_fresh())

    def _may_fetch(self) -> bool:
        now = self._clock()
        self._allowed += (now - self._counted_at) * MAX_FETCHES / WITHIN_S
        self._allowed, self._counted_at = min(self._allowed, float(MAX_FETCHES)), now
        if self._allowed < 1:
            return False
        self._allowed -= 1
        return True

    async def _fetch(self) -> None:
        try:
            self._keys = parse_keys(await asyncio.to_thread(_fetch, self._source))
            self._read_at, self._failed = self._clock(), False
        except Exception as exc:  # a server can send anything; known keys stay
            self._failed = True
            log.warning("keys_not_fetched", reason=f"{type(exc).__name__}: {exc}")

    def _changed(self) -> bool:
        try:
            found = Path(self._source).stat()
        except OSError:
            return False
        return (found.st_mtime_ns, found.st_ino) != self._stamp

    def _read_file(self) -> None:
        try:
            found = Path(self._source).stat()
            self._keys = parse_keys(Path(self._source).read_bytes())
            self._stamp = (found.st_mtime_ns, found.st_ino)
        except OSError as exc:
            raise InvalidRequest(f"PC_WORKER_JWT_JWKS: cannot read {self._source}: {exc.strerror}") from exc


def parse_keys(content: bytes) -> Keys:
    """Return the keys with which signatures can be checked.

    Raises:
        InvalidRequest: If there are none.
    """
    try:
        entries = json.loads(content)["keys"]
        found = [_key(entry) for entry in entries]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as exc:
        raise InvalidRequest('PC_WORKER_JWT_JWKS is not a JSON Web Key Set: an object with "keys"') from exc
    keys = tuple(key for key in found if key is not None)
    if not keys:
        raise InvalidRequest("PC_WORKER_JWT_JWKS has no public key for signatures (RSA, EC or Ed25519)")
    return keys


def _key(entry: dict[str, object]) -> SigningKey | None:
    kid = entry.get("kid")
    if not (kid is None or isinstance(kid, str)):
        return None
    if entry.get("use", "sig") != "sig" or "d" in entry or entry.get("kty") == "oct":
        return None
    is_ed25519 = entry.get("kty") == "OKP" and entry.get("crv") == "Ed25519" and entry.get("alg") in (None, *ED25519)
    try:
        key = jwt.PyJWK.from_dict(entry, ED25519[0] if is_ed25519 else None)
    except jwt.PyJWTError:
        return None
    if key.algorithm_name not in ALGORITHMS:
        return None
    is_open = entry.get("kty") == "RSA" and not entry.get("alg")
    return SigningKey(kid, key.key, ED25519 if is_ed25519 else RSA if is_open else (key.algorithm_name,))


def _fetch(url: str) -> bytes:
    opener = urllib.request.build_opener(_NoRedirects)
    content, until = b"", time.monotonic() + FETCH_S
    with opener.open(url, timeout=FETCH_S) as response:
        while piece := response.read1(PIECE):
            content += piece
            if len(content) > MAX_BYTES:
                raise InvalidRequest("the set of keys is too large")
            if time.monotonic() > until:
                raise TimeoutError("the set of keys does not arrive in time")
    return content


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Refuses redirects: the keys come from the configured host, and nothing else is requested."""

    def redirect_request(self, *_: object) -> None:
        return None
