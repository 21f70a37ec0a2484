from __future__ import annotations

import asyncio

import pytest

from pc_worker.gateway.log.read_ahead import ReadAhead


class Reads:
    """Counts started reads; ends each on request, at once by default."""

    def __init__(self, *, fail_at: int = -1) -> None:
        self.begun: list[int] = []
        self._fail_at = fail_at

    async def __call__(self, step: int) -> int:
        self.begun.append(step)
        await asyncio.sleep(0)
        if step == self._fail_at:
            raise ValueError("broken")
        return step * 10


async def _settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_gives_every_step_in_order() -> None:
    ahead = ReadAhead(range(5), Reads(), depth=2)

    taken = [await ahead.take() for _ in range(6)]

    assert taken == [(0, 0), (1, 10), (2, 20), (3, 30), (4, 40), None]


@pytest.mark.parametrize("depth", [0, 1, 3])
async def test_reads_ahead_half_of_what_was_taken_and_no_further_than_its_depth(depth: int) -> None:
    reads = Reads()
    ahead = ReadAhead(range(20), reads, depth=depth)

    for taken in range(1, 10):
        await ahead.take()
        await _settle()
        assert reads.begun == list(range(taken + min(depth, (taken - 1) // 2)))


async def test_what_was_dropped_is_read_again() -> None:
    reads = Reads()
    ahead = ReadAhead(range(7), reads, depth=2)
    for _ in range(5):
        await ahead.take()
    await _settle()

    ahead.drop()

    assert [await ahead.take() for _ in range(2)] == [(5, 50), (6, 60)]
    assert reads.begun == [0, 1, 2, 3, 4, 5, 6, 5, 6]


async def test_an_error_is_raised_at_its_step() -> None:
    ahead = ReadAhead(range(4), Reads(fail_at=2), depth=3)

    assert [await ahead.take(), await ahead.take()] == [(0, 0), (1, 10)]
    with pytest.raises(ValueError, match="broken"):
        await ahead.take()
    ahead.drop()
