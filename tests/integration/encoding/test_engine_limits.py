"""The limits of an engine are those of all processes together: they are counted in Redis."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pc_worker.embedded import EmbeddedServers
from pc_worker.encoding.remote import EngineOptions
from pc_worker.errors import Unavailable
from pc_worker.settings import Settings
from pc_worker.wiring import redis_client
from pc_worker.wiring.encoders import LIMIT_KEYS, Encoders


@pytest.fixture
def redis_url(embedded_servers: EmbeddedServers) -> Iterator[str]:
    yield embedded_servers.redis_url
    with redis_client(embedded_servers.redis_url) as client:
        client.delete(*client.keys(f"{LIMIT_KEYS}*"))


def options(redis_url: str) -> EngineOptions:
    """Return the options of one process."""
    return Encoders(Settings(embeddings_tpm=100), redis_client=lambda: redis_client(redis_url)).options


def test_two_processes_share_one_limit(redis_url: str) -> None:
    first, second = options(redis_url).limits, options(redis_url).limits

    first.take("engine", tokens=60, patience_s=0)
    second.take("engine", tokens=40, patience_s=0)

    for limits in (first, second):
        with pytest.raises(Unavailable, match="100 tokens per minute"):
            limits.take("engine", tokens=1, patience_s=0)
    with redis_client(redis_url) as client:
        assert all(key.startswith(b"pcw:") for key in client.keys("*engine*"))
