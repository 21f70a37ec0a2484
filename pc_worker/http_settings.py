"""The settings of the HTTP part; a part of ``Settings``."""

from __future__ import annotations

from pydantic_settings import BaseSettings


class HttpSettings(BaseSettings):
    """Settings of the HTTP part; each is documented with the others."""

    #: Addresses of the HTTP part, `HOST:PORT`, comma-separated. Port 0: any free port.
    http_address: str = "127.0.0.1:8080"

    @property
    def http_addresses(self) -> tuple[str, ...]:
        """Every address the HTTP part listens on."""
        return tuple(part.strip() for part in self.http_address.split(","))
