"""An issuer of JWTs: its keys, its tokens, and a server for its set of keys."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

ISSUER, AUDIENCE = "https://issuer.example.org/", "pc_worker"


class Issuer:
    """Keys by id; ``alg``: RS256, ES256 or EdDSA.

    Attributes:
        waits_for: Called by the server of the keys before each answer.
    """

    def __init__(self) -> None:
        self.keys: dict[str, tuple[str, Any]] = {}
        self.waits_for: Callable[[], object] = lambda: None

    def make_key(self, kid: str, alg: str = "ES256") -> None:
        """Make a new key."""
        made = {
            "RS256": lambda: rsa.generate_private_key(65537, 2048),
            "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
            "EdDSA": ed25519.Ed25519PrivateKey.generate,
        }
        self.keys[kid] = (alg, made[alg]())

    def key_set(self) -> str:
        """Return the set of the public keys."""
        kinds: dict[str, Any] = {"RS256": RSAAlgorithm, "ES256": ECAlgorithm, "EdDSA": OKPAlgorithm}
        public = [
            json.loads(kinds[alg].to_jwk(key.public_key())) | {"kid": kid, "alg": alg, "use": "sig"}
            for kid, (alg, key) in self.keys.items()
        ]
        return json.dumps({"keys": public})

    def token(self, kid: str, *, headers: dict[str, Any] | None = None, **claims: Any) -> str:
        """Return a token; a field that is None is left out."""
        alg, key = self.keys[kid]
        standard = {"iss": ISSUER, "aud": AUDIENCE, "exp": time.time() + 600, "sub": "somebody"}
        chosen = {name: value for name, value in {**standard, **claims}.items() if value is not None}
        return jwt.encode(chosen, key, algorithm=alg, headers={"kid": kid, **(headers or {})})


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
