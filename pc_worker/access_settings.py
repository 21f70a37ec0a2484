"""The settings of callers and their credentials, of the gateway and of the HTTP part; a part of ``Settings``."""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr
from pydantic_settings import BaseSettings


class AccessSettings(BaseSettings):
    """Settings of tokens and TLS; each is documented with the others."""

    #: A bearer token for all domains.
    token: SecretStr | None = None
    #: JSON file: sha256 of a token → list of domains (all roles), or `{"name", "domains", "roles"}` with roles of
    #: `read`, `write` and `admin`.
    tokens_file: Path | None = None
    #: Certificate of the gateway and of the HTTP part (PEM).
    tls_cert: Path | None = None
    #: Their private key (PEM).
    tls_key: Path | None = None
    #: CA certificate (PEM). Clients must present a certificate that it signed.
    tls_client_ca: Path | None = None
