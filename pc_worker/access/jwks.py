"""The public keys of an issuer of JWTs: read from a file or a URL, cached, and read again when a token names another.

Only keys with which a signature can be checked and not made are used. The algorithm belongs to the key, so a token
cannot choose it.
"""

from __future__ import annotations

import asyncio
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import jwt
import structlog

from pc_worker.errors import InvalidRequest, Unavailable

log = structlog.get_logger(__name__)

ALGORITHMS = frozenset(
    ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "ES256K", "EdDSA")
)
MOST_BYTES = 1024 * 1024
FETCH_S = 5.0
#: Seconds that fetched keys are used before they are fetched again.
FRESH_S = 600.0
#: Fetches that tokens with unknown keys may cause within a time: such tokens are free to make.
MOST_FETCHES, WITHIN_S = 5, 60.0

Keys = dict[str | None, jwt.PyJWK]


class KeySet:
    """The keys of an issuer.

    Args:
        source: A path, or an ``http(s)://`` URL.
        clock: Returns monotonic seconds.
    """

    def __init__(self, source: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._source, self._clock = source, clock
        self._is_url = source.lower().startswith(("https://", "http://"))
        self._keys: Keys = {}
        self._read_at: float | None = None
        self._stamp: tuple[int, int] | None = None
        self._fetches: list[float] = []
        self._lock = asyncio.Lock()

    def check(self) -> None:
        """Read the keys of a file now; those of a URL are fetched when they are needed.

        Raises:
            InvalidRequest: If the file is no set of keys.
        """
        if not self._is_url:
            self._read_file()

    async def find(self, kid: str | None) -> jwt.PyJWK | None:
        """Return the key of this id, or the only one for a token that names none; None if there is no such key.

        Raises:
            Unavailable: If there are no keys yet, because the URL does not answer.
        """
        async with self._lock:
            if self._is_url:
                await self._refresh(kid)
            elif self._changed():
                try:
                    self._read_file()
                except InvalidRequest as exc:  # a file that is being replaced: the keys stay
                    log.warning("keys_not_read", reason=str(exc))
        if kid is None:
            return next(iter(self._keys.values())) if len(self._keys) == 1 else None
        return self._keys.get(kid)

    async def _refresh(self, kid: str | None) -> None:
        now = self._clock()
        is_fresh = self._read_at is not None and now - self._read_at < FRESH_S
        if is_fresh and (kid is None or kid in self._keys):
            return
        self._fetches = [at for at in self._fetches if now - at < WITHIN_S]
        if len(self._fetches) < MOST_FETCHES:
            self._fetches.append(now)
            try:
                self._keys = parse_keys(await asyncio.to_thread(_fetch, self._source))
                self._read_at = now
            except (OSError, ValueError, InvalidRequest) as exc:  # known keys stay
                log.warning("keys_not_fetched", reason=str(exc))
        if self._read_at is None:
            raise Unavailable("the keys of the token's issuer cannot be fetched: try again later")

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
    """Return the keys with which signatures can be checked, by id.

    Raises:
        InvalidRequest: If there are none.
    """
    try:
        entries = json.loads(content)["keys"]
        found = [(entry.get("kid"), _key(entry)) for entry in entries]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as exc:
        raise InvalidRequest('PC_WORKER_JWT_JWKS is not a JSON Web Key Set: an object with "keys"') from exc
    keys = {kid: key for kid, key in found if key is not None and (kid is None or isinstance(kid, str))}
    if not keys:
        raise InvalidRequest("PC_WORKER_JWT_JWKS has no public key for signatures (RSA, EC or Ed25519)")
    return keys


def _key(entry: dict[str, object]) -> jwt.PyJWK | None:
    if entry.get("use", "sig") != "sig" or "d" in entry or entry.get("kty") == "oct":
        return None
    try:
        key = jwt.PyJWK.from_dict(entry)
    except jwt.PyJWTError:
        return None
    return key if key.algorithm_name in ALGORITHMS else None


def _fetch(url: str) -> bytes:
    opener = urllib.request.build_opener(_NoRedirects)
    with opener.open(url, timeout=FETCH_S) as response:
        content: bytes = response.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise InvalidRequest("the set of keys is too large")
    return content


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Refuses redirects: the keys come from the configured host, and nothing else is requested."""

    def redirect_request(self, *_: object) -> None:
        return None
