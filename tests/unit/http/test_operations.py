"""Operations of the console are recorded, also if the part stops or the database is away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any, cast

import pytest

from pc_worker.access import EVERYTHING
from pc_worker.errors import Unavailable
from pc_worker.http.console import operations
from pc_worker.http.console.audit_trail import Action
from pc_worker.http.console.operations import Operations, Step
from pc_worker.http.requests.roles import HttpCaller


class Audit:
    """An audit whose database is away for the first ``fails`` records, and that never ends if it hangs."""

    def __init__(self, *, fails: int = 0, hangs: bool = False) -> None:
        self.outcomes: list[str] = []
        self.failed = asyncio.Event()
        self._fails, self._hangs = fails, hangs

    async def record(self, *_: object, outcome: str) -> None:
        """Record an outcome."""
        if self._hangs:
            await asyncio.Event().wait()
        if self._fails:
            self._fails -= 1
            self.failed.set()
            raise Unavailable("away")
        self.outcomes.append(outcome)


def started(monkeypatch: pytest.MonkeyPatch, audit: Audit, steps: AsyncGenerator[Step, None]) -> Operations:
    monkeypatch.setattr(operations, "record", audit.record)
    made = Operations()
    caller = HttpCaller(EVERYTHING, "127.0.0.1")
    made.start(cast(Any, None), caller, Action("drop dead letters"), steps, back="/")
    return made


async def breaking_off() -> AsyncGenerator[Step, None]:
    yield 5, 10, "5 dropped"
    raise Unavailable("away")


async def going_on(begun: asyncio.Event) -> AsyncGenerator[Step, None]:
    yield 5, 10, "5 dropped"
    begun.set()
    await asyncio.Event().wait()


async def test_an_operation_whose_database_goes_is_recorded_once_it_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "RECORD_S", (0.0, 0.0, 0.0))
    audit = Audit(fails=2)

    made = started(monkeypatch, audit, breaking_off())
    await asyncio.wait_for(asyncio.gather(*made._tasks), 10)

    assert audit.outcomes == ["failed: away"]


async def test_an_operation_that_waits_to_be_recorded_is_recorded_at_the_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "RECORD_S", (0.0, 3600.0))
    audit = Audit(fails=1)
    made = started(monkeypatch, audit, breaking_off())
    await asyncio.wait_for(audit.failed.wait(), 10)

    await asyncio.wait_for(made.close(), 10)

    assert audit.outcomes == ["failed: away"]


async def test_an_operation_that_the_stop_cancels_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    audit, begun = Audit(), asyncio.Event()
    made = started(monkeypatch, audit, going_on(begun))
    await asyncio.wait_for(begun.wait(), 10)

    await asyncio.wait_for(made.close(), 10)

    assert audit.outcomes == ["cancelled: 5 dropped"]


async def test_a_database_that_hangs_does_not_hold_up_the_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "LAST_RECORD_S", 0.01)
    audit, begun = Audit(hangs=True), asyncio.Event()
    made = started(monkeypatch, audit, going_on(begun))
    await asyncio.wait_for(begun.wait(), 10)

    await asyncio.wait_for(made.close(), 10)

    assert not made._tasks
    assert audit.outcomes == []
