from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from pc_worker.gateway.ahead import one_ahead


async def _numbers(made: list[int], *, upto: int = 100, fail_at: int = -1) -> AsyncGenerator[int, None]:
    try:
        for number in range(1, upto + 1):
            if number == fail_at:
                raise ValueError("broken")
            made.append(number)
            yield number
            await asyncio.sleep(0)
    finally:
        made.append(0)


async def test_gives_everything_in_order() -> None:
    assert [number async for number in one_ahead(_numbers([], upto=9))] == list(range(1, 10))


async def test_is_never_more_than_one_ahead() -> None:
    made: list[int] = []

    async with aclosing(one_ahead(_numbers(made))) as numbers:
        async for number in numbers:
            for _ in range(5):
                await asyncio.sleep(0)
            assert made[-1] <= number + 1
            if number == 10:
                break

    assert made[-1] == 0


async def test_an_error_comes_after_what_was_made_before_it() -> None:
    numbers = one_ahead(_numbers([], fail_at=4))

    seen = [await anext(numbers) for _ in range(3)]

    assert seen == [1, 2, 3]
    with pytest.raises(ValueError, match="broken"):
        await anext(numbers)
