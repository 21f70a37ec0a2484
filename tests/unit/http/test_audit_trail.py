"""Each action in the console leaves an entry, however it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pc_worker.access import EVERYTHING
from pc_worker.errors import NotFound
from pc_worker.http.console.audit_trail import Action, act
from pc_worker.http.requests.context import AppContext
from pc_worker.http.requests.roles import HttpCaller

CALLER = HttpCaller(EVERYTHING, "127.0.0.1")
ACTION = Action("forget row", {"domain": "document"})


class Trail:
    """Services that run at once, and whose entries are kept."""

    def __init__(self) -> None:
        self.outcomes: list[str] = []
        self.waits = asyncio.Event()
        self.begun = asyncio.Event()

    @property
    def context(self) -> AppContext:
        return cast(AppContext, SimpleNamespace(services=self))

    async def run(self, work: Callable[[Any], Any]) -> Any:
        self.begun.set()
        result = work(SimpleNamespace(database=self))
        if isinstance(result, asyncio.Event):
            await result.wait()
        await asyncio.sleep(0)
        return result

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        yield self

    def execute(self, _sql: str, values: tuple[Any, ...]) -> None:
        self.outcomes.append(values[-1])


async def test_what_is_done_is_recorded() -> None:
    trail = Trail()

    assert await act(trail.context, CALLER, ACTION, lambda _: 3) == 3
    assert trail.outcomes == ["done"]


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (NotFound("there is no such row"), "refused: there is no such row"),
        (KeyError("secret"), "failed: an error of ours, which is in the log: KeyError"),
    ],
)
async def test_what_fails_is_recorded(error: Exception, outcome: str) -> None:
    trail = Trail()

    def work(_: object) -> None:
        raise error

    with pytest.raises(type(error)):
        await act(trail.context, CALLER, ACTION, work)
    assert trail.outcomes == [outcome]


async def test_what_is_cancelled_is_recorded() -> None:
    """The client has gone, or the part stops: the work may be done all the same."""
    trail = Trail()
    acting = asyncio.create_task(act(trail.context, CALLER, ACTION, lambda _: trail.waits))
    await trail.begun.wait()

    acting.cancel()

    with pytest.raises(asyncio.CancelledError):
        await acting
    assert trail.outcomes == ["cancelled: it may have been done"]
