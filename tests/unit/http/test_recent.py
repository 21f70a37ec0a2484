from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from pc_worker.http.shared_value import RecentValue


@dataclass
class Maker:
    """Makes 1, 2, 3 …, each once it is allowed to."""

    allowed: asyncio.Event = field(default_factory=asyncio.Event)
    made: int = 0
    now: float = 100.0
    fails: bool = False

    async def make(self) -> int:
        self.made += 1
        made = self.made
        await self.allowed.wait()
        if self.fails:
            raise OSError("away")
        return made

    def value(self) -> RecentValue[int]:
        return RecentValue(self.make, keep_s=5, clock=lambda: self.now)


async def test_all_who_ask_at_once_share_one_making() -> None:
    maker = Maker()
    value = maker.value()
    asked = [asyncio.create_task(value.get()) for _ in range(20)]
    await asyncio.sleep(0)
    maker.allowed.set()

    assert await asyncio.gather(*asked) == [1] * 20


async def test_it_is_kept_for_its_time_from_the_start_of_its_making_and_no_longer() -> None:
    maker = Maker()
    value = maker.value()
    first = asyncio.create_task(value.get())
    await asyncio.sleep(0)
    maker.now += 4
    maker.allowed.set()

    assert [await first, await value.get()] == [1, 1]
    maker.now += 1
    assert [await value.get(), await value.get()] == [2, 2]


async def test_a_making_that_takes_longer_than_its_time_is_still_shared() -> None:
    maker = Maker()
    value = maker.value()
    first = asyncio.create_task(value.get())
    await asyncio.sleep(0)
    maker.now += 60
    second = asyncio.create_task(value.get())
    await asyncio.sleep(0)
    maker.allowed.set()

    assert [await first, await second] == [1, 1]


async def test_who_gives_up_does_not_end_the_work_of_the_others() -> None:
    maker = Maker()
    value = maker.value()
    impatient, patient = asyncio.create_task(value.get()), asyncio.create_task(value.get())
    await asyncio.sleep(0)
    impatient.cancel()
    maker.allowed.set()

    assert await patient == 1
    assert maker.made == 1


async def test_an_error_is_that_of_all_who_wait_and_is_not_kept() -> None:
    maker = Maker(fails=True)
    maker.allowed.set()
    value = maker.value()
    both = await asyncio.gather(value.get(), value.get(), return_exceptions=True)
    maker.fails = False

    assert list(map(type, both)) == [OSError, OSError]
    assert await value.get() == 2
