"""One line a module, on a Redis database of its own."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest

from pc_worker.embedded import EmbeddedServers
from tests.integration.tasks.line import Line, running_line

_databases = count(2)


@pytest.fixture(scope="module")
def line(
    embedded_servers: EmbeddedServers,
    database_url: str,
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Iterator[Line]:
    """Yield a broker and a database without workers; a module's ``SETTINGS`` are the workers'."""
    assert embedded_servers.redis_url is not None
    url = f"{embedded_servers.redis_url.rpartition('/')[0]}/{next(_databases)}"
    settings = getattr(request.module, "SETTINGS", {})
    with running_line(tmp_path_factory.mktemp("line"), database_url, url, **settings) as running:
        yield running
