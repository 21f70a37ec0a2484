"""The settings of the HTTP part; a part of ``Settings``."""

from __future__ import annotations

import re
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode


class HttpSettings(BaseSettings):
    """Settings of the HTTP part; each is documented with the others."""

    #: Addresses of the HTTP part, `HOST:PORT`, comma-separated. Port 0: any free port.
    http_address: str = "127.0.0.1:8080"

    #: Folder of uploaded files, which all workers must see under the same path. Unset: `HOME/uploads`. A file is
    #: removed when its job is completed without dead rows, or purged.
    uploads: Path | None = None
    #: Maximum bytes of one uploaded file.
    upload_max_bytes: int = Field(default=4 * 1024**3, ge=1)
    #: Maximum bytes of all uploaded files that are kept. 512 MiB of the disk always stay free.
    uploads_max_bytes: int = Field(default=16 * 1024**3, ge=1)

    #: Maximum number of requests of one token within a minute. 0: no limit.
    http_requests_per_token: int = Field(default=60_000, ge=0)
    #: Maximum number of requests from one address within a minute (IPv6: of one /64). 0: no limit.
    http_requests_per_address: int = Field(default=60_000, ge=0)
    #: Maximum cost of the searches of one token, or of one address without tokens, within a minute. A search costs
    #: 1, and 1 more for each 100 hits that it must rank, for `feedback` and for `explain`; with `rerank` 10 more. A
    #: request for embeddings costs 1 for each 32 texts, an answer 10. 0: no limit.
    http_search_cost: int = Field(default=60_000, ge=0)
    #: Origins of browser applications on other hosts that may call the API, comma-separated. Unset: none.
    http_cors_origins: Annotated[tuple[str, ...], NoDecode] = ()
    #: Addresses or networks of proxies, comma-separated, whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed.
    #: Unset: none.
    http_proxies: Annotated[tuple[str, ...], NoDecode] = ()

    @field_validator("http_cors_origins", "http_proxies", mode="before")
    @classmethod
    def _list(cls, value: Any) -> Any:
        return tuple(filter(None, (part.strip() for part in value.split(",")))) if isinstance(value, str) else value

    @field_validator("http_cors_origins")
    @classmethod
    def _origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for origin in value:
            if not re.fullmatch(r"https?://[^/?#\s*]+", origin):
                raise ValueError(f"{origin!r} is not an origin, such as https://app.example.org")
        return value

    @field_validator("http_proxies")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for network in value:
            ip_network(network)
        return value

    @property
    def http_addresses(self) -> tuple[str, ...]:
        """Every address the HTTP part listens on."""
        return tuple(part.strip() for part in self.http_address.split(","))
