from __future__ import annotations

import time
from contextlib import suppress
from typing import NoReturn

import pytest
import redis.asyncio
from redis.exceptions import ConnectionError as RedisConnectionError

from pc_worker.access import EVERYTHING
from pc_worker.errors import RateLimited
from pc_worker.http.requests import limits
from pc_worker.http.requests.limits import Limiter, PrepaidHits, RateLimits
from pc_worker.http.requests.roles import HttpCaller

CALLER = HttpCaller(EVERYTHING, "2001:db8::1").quota


@pytest.fixture
def limiter() -> Limiter:
    """Return a limiter whose Redis is away."""
    away = redis.asyncio.Redis(host="127.0.0.1", port=9, socket_connect_timeout=0.2)
    return Limiter(away, RateLimits(per_token=3, per_address=2, search_cost=10))


async def test_each_token_and_each_address_has_its_own_limit(limiter: Limiter) -> None:
    for token in ("a", "b"):
        for _ in range(3):
            await limiter.admit_token(token)
    for _ in range(2):
        await limiter.admit_address("a")
    with pytest.raises(RateLimited, match="address") as refused:
        await limiter.admit_address("a")

    assert 0 <= refused.value.retry_after_s <= 60
    await limiter.admit_address("b")


async def test_costs_add_up(limiter: Limiter) -> None:
    await limiter.spend(CALLER, 9)
    with pytest.raises(RateLimited, match="searches"):
        await limiter.spend(CALLER, 2)


async def test_one_search_over_the_whole_limit_is_possible_once(limiter: Limiter) -> None:
    await limiter.spend(CALLER, 1000)
    with pytest.raises(RateLimited):
        await limiter.spend(CALLER, 1)


async def test_zero_is_no_limit() -> None:
    limiter = Limiter(redis.asyncio.Redis(port=9), RateLimits(per_token=0, per_address=0, search_cost=0))
    for _ in range(100):
        await limiter.admit_token("a")
        await limiter.spend(CALLER, 5)


def test_one_ipv6_client_is_its_whole_network() -> None:
    assert HttpCaller(EVERYTHING, "2001:db8::ffff:1").quota == CALLER
    assert HttpCaller(EVERYTHING, "::ffff:10.0.0.1").quota.host == "10.0.0.1"


async def test_a_large_limit_is_counted_in_parts_and_kept() -> None:
    limiter = Limiter(redis.asyncio.Redis(port=9), RateLimits(per_token=0, per_address=0, search_cost=1500))
    for _ in range(1500 - 1500 // 500):
        await limiter.spend(CALLER, 1)

    for _ in range(1500 // 500):
        with suppress(RateLimited):
            await limiter.spend(CALLER, 1)
    with pytest.raises(RateLimited):
        await limiter.spend(CALLER, 1)


@pytest.mark.parametrize("is_within", [True, False])
async def test_redis_may_go_after_it_has_counted(monkeypatch: pytest.MonkeyPatch, is_within: bool) -> None:
    limiter = Limiter(redis.asyncio.Redis(port=9), RateLimits(per_token=1000, per_address=0, search_cost=0))

    async def hit(*_: object, cost: int) -> bool:
        return is_within

    async def gone(*_: object) -> NoReturn:
        raise RedisConnectionError("gone")

    monkeypatch.setattr(limiter._shared, "hit", hit)
    monkeypatch.setattr(limiter._shared, "get_window_stats", gone)

    if is_within:
        await limiter.admit_token("a")
        return
    with pytest.raises(RateLimited) as refused:
        await limiter.admit_token("a")
    assert 0 < (refused.value.retry_after_s or 0) <= 60


def test_what_was_counted_ahead_is_used_up_and_ends_with_its_minute() -> None:
    hits, now = PrepaidHits(), time.time()
    hits.put("a", 3, now + 60)
    hits.put("late", 3, now - 1)

    assert [hits.take("a", 2), hits.take("a", 2), hits.take("a", 1), hits.take("a", 1)] == [True, False, True, False]
    assert not hits.take("late", 1)
    assert not hits.take("b", 1)


def test_only_so_many_callers_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_PREPAID", 2)
    hits, ends_at = PrepaidHits(), time.time() + 60
    for key in "abc":
        hits.put(key, 1, ends_at)

    assert [hits.take(key, 1) for key in "abc"] == [False, True, True]
