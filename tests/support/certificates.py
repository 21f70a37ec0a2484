"""Throw-away certificates: an authority, a server for 127.0.0.1, a client."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import certifi
import pytest


def make_certificates(folder: Path) -> dict[str, Path]:
    """Make ca, server and client pairs with openssl."""
    names = [f"{owner}.{kind}" for owner in ("ca", "server", "client") for kind in ("pem", "key")]
    _openssl(folder, "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=ca -keyout ca.key -out ca.pem")
    (folder / "san").write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
    for name in ("server", "client"):
        _openssl(folder, f"req -newkey rsa:2048 -nodes -subj /CN={name} -keyout {name}.key -out {name}.csr")
        _openssl(
            folder,
            f"x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile san -out {name}.pem",
        )
    return {name: folder / name for name in names}


@contextmanager
def one_authority(folder: Path) -> Iterator[None]:
    """Let HTTP clients load one authority inside the block: each loads them all for plain HTTP, too, in 30 ms."""
    first, end, _ = Path(certifi.where()).read_text(encoding="utf-8").partition("-----END CERTIFICATE-----\n")
    (folder / "authority.pem").write_text(first + end, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(folder / "authority.pem"))
        yield


def _openssl(folder: Path, arguments: str) -> None:
    subprocess.run(["openssl", *arguments.split()], cwd=folder, check=True, capture_output=True)
