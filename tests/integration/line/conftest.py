"""The line in one process, on a database of the test module's own that is emptied for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pc_worker.embedded import EmbeddedServers
from pc_worker.services.seed import seed_domains
from tests.model.line import Line, services_for

TABLES = (
    "rows, log, log_batches, jobs, identities, domains, subscriptions, push_checkpoints, models, forgotten, nacked_rows"
)


@pytest.fixture
def line(database_url: str, embedded_servers: EmbeddedServers, tmp_path: Path) -> Iterator[Line]:
    line = Line(services_for(database_url, embedded_servers.redis_url, tmp_path), tmp_path, database_url)
    line.query(f"TRUNCATE {TABLES} CASCADE")
    seed_domains(line.services)
    line.services.hot_buffer.clear("document")
    yield line
    line.services.hot_buffer.clear("document")  # Redis is shared with other tests
    line.database.close()
