"""The TLS files of a server: its certificate and key, and the CA of its clients."""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass
from pathlib import Path

from pc_worker.errors import InvalidRequest


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """The content of the files; ``client_ca`` is None where clients need no certificate."""

    cert: bytes
    key: bytes
    client_ca: bytes | None


def read_tls(cert: Path, key: Path, client_ca: Path | None) -> TlsFiles:
    """Read the files and check that a server can use them.

    Raises:
        InvalidRequest: If one cannot be read, or they do not fit.
    """
    files = TlsFiles(
        _read("PC_WORKER_TLS_CERT", cert),
        _read("PC_WORKER_TLS_KEY", key),
        None if client_ca is None else _read("PC_WORKER_TLS_CLIENT_CA", client_ca),
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # gRPC would accept an invalid pair and then fail every handshake. OpenSSL would ask a terminal for a password.
    try:
        context.load_cert_chain(cert, key, password=_no_password)
    except (ssl.SSLError, ValueError) as exc:
        reason = (exc.reason or "they are not PEM") if isinstance(exc, ssl.SSLError) else str(exc)
        raise InvalidRequest(f"PC_WORKER_TLS_CERT {cert} and PC_WORKER_TLS_KEY {key} do not work: {reason}") from exc
    try:
        if client_ca is not None:
            context.load_verify_locations(client_ca)
    except ssl.SSLError as exc:
        raise InvalidRequest(f"PC_WORKER_TLS_CLIENT_CA: {client_ca} is no certificate: {exc.reason or exc}") from exc
    return files


def _no_password() -> str:
    raise ValueError("the key has a password, which must be removed")


def _read(variable: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as exc:
        raise InvalidRequest(f"{variable}: cannot read {path}: {os.strerror(exc.errno or 0)}") from exc
