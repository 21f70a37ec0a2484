"""The pause of the hot buffer after a failure of Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any, cast

import pytest

from pc_worker.errors import Unavailable
from pc_worker.hot_buffer.ring_async import PAUSE_S, AsyncHotBuffer


class Away:
    """A hot buffer whose Redis does not answer."""

    def held(self, domain: str, firsts: Sequence[int]) -> frozenset[int]:
        raise Unavailable("away")

    def close(self) -> None:
        """Close nothing."""


class Clock:
    """A clock that moves only when it is set."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def buffer(clock: Clock) -> Iterator[AsyncHotBuffer]:
    made = AsyncHotBuffer(cast(Any, Away()), clock=clock)
    yield made
    made.close()


async def test_questions_that_fail_together_are_one_failure(buffer: AsyncHotBuffer, clock: Clock) -> None:
    await asyncio.gather(*(buffer.held("law", [1]) for _ in range(8)))

    assert buffer._paused_until == clock.now + PAUSE_S


async def test_a_failure_after_the_pause_doubles_it(buffer: AsyncHotBuffer, clock: Clock) -> None:
    await buffer.held("law", [1])
    clock.now += PAUSE_S

    await buffer.held("law", [1])

    assert buffer._paused_until == clock.now + 2 * PAUSE_S
