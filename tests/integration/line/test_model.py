"""Delivery against an oracle: operations of chance, a few hundred here; thousands: ``python -m tests.model --help``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.gateway.conftest import servers
from tests.integration.gateway.servers import Servers
from tests.model.run import run

__all__ = ["servers"]

SEEDS = (1, 2)
OPERATIONS = 100


@pytest.mark.parametrize("seed", SEEDS)
async def test_delivery_is_what_the_contract_says_whatever_happens(servers: Servers, tmp_path: Path, seed: int) -> None:
    done = await run(servers, tmp_path, seed=seed, operations=OPERATIONS)

    assert done["rows from the queue"] > 0
    assert done.total() - done["rows from the queue"] == OPERATIONS
