"""The line in one process, on a database of the test module's own that is emptied for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pc_worker.embedded import Services
from pc_worker.services.models.seed import seed_domains
from tests.model.line import Line, parts_for

TABLES = "rows, log, log_batches, jobs, identities, domains, subscriptions, push_checkpoints, models, forgotten"


@pytest.fixture
def line(database_url: str, services: Services, tmp_path: Path) -> Iterator[Line]:
    line = Line(parts_for(database_url, services.redis_url, tmp_path), tmp_path, database_url)
    line.query(f"TRUNCATE {TABLES} CASCADE")
    seed_domains(line.parts)
    line.parts.queue.clear("document")
    yield line
    line.parts.queue.clear("document")  # Redis is shared with other tests
    line.database.close()
