"""An issuer of JWTs: its keys, its tokens, and a server for its set of keys."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from pc_worker.access.jwks import ED25519

ISSUER, AUDIENCE = "https://issuer.example.org/", "pc_worker"


class Issuer:
    """Keys by id; ``alg``: that of the tokens, as RS256, PS512, ES256, EdDSA or Ed25519.

    Attributes:
        waits_for: Called by the server of the keys before each answer.
        without: Members that its keys do not have, and with ``kid`` its tokens.
    """

    def __init__(self, *, without: Collection[str] = ()) -> None:
        self.without = without
        self.keys: dict[str, tuple[str, Any]] = {}
        self.waits_for: Callable[[], object] = lambda: None

    def make_key(self, kid: str, alg: str = "ES256") -> None:
        """Make a new key."""
        made: dict[str, Callable[[], Any]] = {
            "R": lambda: rsa.generate_private_key(65537, 2048),
            "P": lambda: rsa.generate_private_key(65537, 2048),
            "E": lambda: ec.generate_private_key(ec.SECP256R1()),
        }
        self.keys[kid] = (alg, ed25519.Ed25519PrivateKey.generate() if alg in ED25519 else made[alg[0]]())

    def key_set(self) -> str:
        """Return the set of the public keys."""
        kinds: dict[str, Any] = {"R": RSAAlgorithm, "P": RSAAlgorithm, "E": ECAlgorithm}
        public = [
            json.loads((OKPAlgorithm if alg in ED25519 else kinds[alg[0]]).to_jwk(key.public_key()))
            | {"kid": kid, "alg": alg, "use": "sig"}
            for kid, (alg, key) in self.keys.items()
        ]
        kept = [{name: value for name, value in key.items() if name not in self.without} for key in public]
        return json.dumps({"keys": kept})

    def token(self, kid: str, *, headers: dict[str, Any] | None = None, **claims: Any) -> str:
        """Return a token; a field that is None is left out."""
        alg, key = self.keys[kid]
        standard = {"iss": ISSUER, "aud": AUDIENCE, "exp": time.time() + 600, "sub": "somebody"}
        chosen = {name: value for name, value in {**standard, **claims}.items() if value is not None}
        named = {} if "kid" in self.without else {"kid": kid}
        return jwt.encode(chosen, key, algorithm=alg, headers={**named, **(headers or {})})


@contextmanager
def serving_keys(issuer: Issuer) -> Iterator[tuple[str, list[str]]]:
    """Serve the issuer's set of keys; yield its URL and the paths that were requested."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            issuer.waits_for()
            body = issuer.key_set().encode()
            self.send_response(302 if self.path == "/moved" else 200)
            self.send_header("Location", "/keys")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
