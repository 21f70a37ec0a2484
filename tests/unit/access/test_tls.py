"""TLS files are checked before a server listens: each wrong one is named, and no terminal is asked for a password."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric import ec

from pc_worker.access.tls import read_tls
from pc_worker.errors import InvalidRequest
from tests.support.certificates import make_certificates


def locked_key(path: Path) -> Path:
    """Write a key that has a password."""
    locked = form.BestAvailableEncryption(b"secret")
    key = ec.generate_private_key(ec.SECP256R1())
    path.write_bytes(key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, locked))
    return path


def test_good_files_are_read(tmp_path: Path) -> None:
    paths = make_certificates(tmp_path)

    files = read_tls(paths["server.pem"], paths["server.key"], paths["ca.pem"])

    assert files.cert == paths["server.pem"].read_bytes()
    assert files.client_ca == paths["ca.pem"].read_bytes()


@pytest.mark.parametrize(
    ("cert", "key", "client_ca", "words"),
    [
        ("none.pem", "server.key", None, "PC_WORKER_TLS_CERT: cannot read .*none.pem: No such file"),
        ("server.pem", "server.pem", None, "PC_WORKER_TLS_KEY .* do not work"),
        ("server.pem", "client.key", None, "do not work: KEY_VALUES_MISMATCH"),
        ("server.pem", "locked.key", None, "the key has a password"),
        ("server.pem", "server.key", ".", "PC_WORKER_TLS_CLIENT_CA: cannot read"),
        ("server.pem", "server.key", "server.key", "PC_WORKER_TLS_CLIENT_CA: .*server.key is no certificate"),
    ],
)
def test_wrong_files_are_named(cert: str, key: str, client_ca: str | None, words: str, tmp_path: Path) -> None:
    make_certificates(tmp_path)
    locked_key(tmp_path / "locked.key")

    with pytest.raises(InvalidRequest, match=words):
        read_tls(tmp_path / cert, tmp_path / key, None if client_ca is None else tmp_path / client_ca)
