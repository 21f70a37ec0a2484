"""A log is read to its end only if the database has all of it, also if it was away when this was checked."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

import pytest

from pc_worker.errors import BeyondHead, ContractBroken, PcWorkerError, Unavailable
from pc_worker.gateway.log.delivery import LogRange, LogReader
from pc_worker.store.log.read import LogHead


class FailedOver:
    """A database that lost its last rows, and does not answer when it is asked for its head the first times."""

    def __init__(self, *, head: int, away: int) -> None:
        self.head_now, self.away = head, away

    async def batches(self, domain: str, **_: Any) -> list[Any]:
        """Return no batch: those after the head are lost."""
        return []

    async def rows(self, domain: str, **_: Any) -> None:
        """Find no row."""

    async def head(self, domain: str) -> LogHead:
        """Fail, then return the head."""
        if self.away:
            self.away -= 1
            raise Unavailable("the database is away")
        return LogHead(self.head_now, UUID(int=1), "m@1")


def _reader(database: FailedOver, *, consumer: bool) -> LogReader:
    wanted = LogRange(domain="law", row_type="document", after=0, head=10, max_rows=5, consumer=consumer)
    return LogReader(cast(Any, database), None, wanted, retry_for_s=60.0)


@pytest.mark.parametrize(("consumer", "error"), [(True, BeyondHead), (False, ContractBroken)])
@pytest.mark.parametrize("away", [0, 1, 2])
async def test_rows_that_are_missing_at_the_end_are_no_end(
    away: int, consumer: bool, error: type[PcWorkerError]
) -> None:
    database = FailedOver(head=5, away=away)

    with pytest.raises(error, match="restored"):
        async for _ in _reader(database, consumer=consumer).slices():
            pass

    assert database.away == 0


@pytest.mark.parametrize("away", [0, 1])
async def test_a_log_that_is_as_long_as_it_was_is_read_to_its_end(away: int) -> None:
    found = [log_slice.upto async for log_slice in _reader(FailedOver(head=10, away=away), consumer=True).slices()]

    assert found == [10]
