"""The settings of callers and their credentials, of the gateway and of the HTTP part; a part of ``Settings``."""

from __future__ import annotations

from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings

from pc_worker.urls import is_loopback_host


class AccessSettings(BaseSettings):
    """Settings of tokens and TLS; each is documented with the others."""

    #: A bearer token for all domains.
    token: SecretStr | None = None
    #: JSON file: sha256 of a token → list of domains (all roles), or `{"name", "domains", "roles"}` with roles of
    #: `read`, `write` and `admin`.
    tokens_file: Path | None = None
    #: Path or URL of the JSON Web Key Set of an issuer of JWTs, which the HTTP part then takes as tokens. Their fields
    #: `pcw_domains` and `pcw_roles` are lists of domains and roles. Needs the next two. The keys are read again when a
    #: token names an unknown one.
    jwt_jwks: str | None = None
    #: What the field `iss` of JWTs must be.
    jwt_issuer: str | None = None
    #: What the field `aud` of JWTs must contain.
    jwt_audience: str | None = None
    #: Certificate of the gateway and of the HTTP part (PEM).
    tls_cert: Path | None = None
    #: Their private key (PEM).
    tls_key: Path | None = None
    #: CA certificate (PEM). Clients must present a certificate that it signed.
    tls_client_ca: Path | None = None
    #: 1: the gateway and the HTTP part may listen beyond loopback without TLS or tokens, and engines beyond loopback
    #: may be used over plain `http`.
    insecure: bool = False

    @field_validator("token")
    @classmethod
    def _sendable(cls, value: SecretStr | None) -> SecretStr | None:
        token = "" if value is None else value.get_secret_value()
        if not (token.isascii() and token.isprintable()) or token != token.strip():
            raise ValueError("clients can send only ASCII letters, digits and signs, without spaces at the ends")
        return value

    @model_validator(mode="after")
    def _jwts(self) -> Self:
        given = (self.jwt_jwks, self.jwt_issuer, self.jwt_audience)
        if any(given) and not all(given):
            raise ValueError("PC_WORKER_JWT_JWKS, PC_WORKER_JWT_ISSUER and PC_WORKER_JWT_AUDIENCE must be set together")
        url = urlsplit(self.jwt_jwks or "")
        if url.scheme == "http" and not self.insecure and not is_loopback_host(url.hostname or ""):
            raise ValueError(
                "PC_WORKER_JWT_JWKS: keys that are changed on their way open everything: use https, or set"
                " PC_WORKER_INSECURE=1 if the network is safe"
            )
        return self
