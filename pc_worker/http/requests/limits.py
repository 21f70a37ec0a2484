"""Limits: requests a minute of each token and address, the cost of searches, and how many streams are open."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import redis.asyncio
import structlog
from limits import RateLimitItem, RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import FixedWindowRateLimiter
from redis.exceptions import RedisError

from pc_worker.errors import RateLimited
from pc_worker.gateway.limits.quota import Caller, CallerLimit, Quota, QuotaLimits
from pc_worker.http.requests import metrics
from pc_worker.http.service_threads import Calls, until_ended
from pc_worker.settings import Settings

log = structlog.get_logger(__name__)

KEY_PREFIX = "pcw:limits"
#: Seconds that the limits are kept in this process after Redis did not answer: requests do not wait for it.
LOCAL_S = 5.0
#: What is raised while Redis does not answer.
AWAY = (RedisError, OSError, TimeoutError)
#: Seconds of the longest wait for the next minute.
MINUTE_S = 60.0
#: A large limit is counted in parts of this many: one request in many waits for Redis.
PARTS_OF_LIMIT = 500
#: Callers whose part of a limit is remembered.
MAX_PREPAID = 20_000
#: Uploads at once: each writes to the disk.
UPLOADS, UPLOADS_OF_ONE = 32, 8


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimits:
    """Limits of one minute; 0 = none.

    Attributes:
        per_token: Requests of one token.
        per_address: Requests from one address (IPv6: one /64).
        search_cost: Cost of the searches of one token, or of one address without tokens.
    """

    per_token: int
    per_address: int
    search_cost: int


class PrepaidHits:
    """What was counted ahead in Redis, by key, until its minute ends: a limit may end 1/500 early."""

    def __init__(self) -> None:
        self._left: dict[str, tuple[int, float]] = {}

    def take(self, key: str, cost: int) -> bool:
        """Use what was counted ahead, if there is enough of it."""
        left, ends_at = self._left.get(key, (0, 0.0))
        if left < cost or time.time() >= ends_at:
            return False
        self._left[key] = (left - cost, ends_at)
        return True

    def put(self, key: str, hits: int, ends_at: float) -> None:
        """Keep what was counted ahead; that of other callers is lost when there are too many."""
        left, until = self._left.pop(key, (0, 0.0))
        self._left[key] = (hits + (left if until >= time.time() else 0), ends_at)
        if len(self._left) > MAX_PREPAID:
            del self._left[next(iter(self._left))]


class Limiter:
    """Counts in Redis, for all HTTP parts together; in this process while Redis does not answer.

    Args:
        client: Redis, with a short timeout.
        limits: The limits.
    """

    def __init__(self, client: redis.asyncio.Redis, limits: RateLimits) -> None:
        self._limits = limits
        pool: Any = client.connection_pool  # the library's types know numbers and texts only
        shared = RedisStorage("async+redis://", implementation="redispy", key_prefix=KEY_PREFIX, connection_pool=pool)
        self._shared, self._local = FixedWindowRateLimiter(shared), FixedWindowRateLimiter(MemoryStorage())
        self._local_until = 0.0
        self._prepaid = PrepaidHits()

    async def admit_address(self, host: str) -> None:
        """Count a request from an address.

        Raises:
            RateLimited: If it made too many within this minute.
        """
        await self._count(self._limits.per_address, f"address {host}", "requests from this address")

    async def admit_token(self, token: str) -> None:
        """Count a request of a token.

        Raises:
            RateLimited: If it made too many within this minute.
        """
        await self._count(self._limits.per_token, f"token {token}", "requests with this token")

    async def spend(self, caller: Caller, cost: int) -> None:
        """Count the cost of a search.

        Raises:
            RateLimited: If the caller's searches cost too much within this minute.
        """
        await self._count(self._limits.search_cost, f"search {caller.key}", "searches", cost=cost)

    async def _count(self, most: int, key: str, what: str, *, cost: int = 1) -> None:
        if not most or self._prepaid.take(key, cost):
            return
        item, ahead = RateLimitItemPerMinute(most), most // PARTS_OF_LIMIT
        counter, is_within = await self._hit(item, key, min(cost + ahead, most))
        if is_within and not ahead:
            return
        try:
            reset_at, _ = await counter.get_window_stats(item, key)
        except AWAY:  # since the count, which is valid; nothing is kept ahead, as it is unknown for how long
            if is_within:
                return
            reset_at = time.time() + MINUTE_S
        if not is_within:
            raise RateLimited(f"too many {what} within a minute: wait", max(0.0, reset_at - time.time()))
        self._prepaid.put(key, ahead, reset_at)

    async def _hit(self, item: RateLimitItem, key: str, cost: int) -> tuple[FixedWindowRateLimiter, bool]:
        if time.monotonic() >= self._local_until:
            try:
                is_within = await self._shared.hit(item, key, cost=cost)
                metrics.LIMITS_LOCAL.set(0)
                return self._shared, is_within
            except AWAY as exc:
                log.warning("limits_are_local", reason=str(exc))
                metrics.LIMITS_LOCAL.set(1)
                self._local_until = time.monotonic() + LOCAL_S
        return self._local, await self._local.hit(item, key, cost=cost)


@dataclass(frozen=True, slots=True)
class Quotas:
    """What is open at once, in total and of one caller.

    Attributes:
        streams: Event streams.
        uploads: Uploads.
        searches: Searches of one caller; more of them wait.
    """

    streams: Quota
    uploads: Quota
    searches: CallerLimit

    @classmethod
    def of(cls, settings: Settings, *, searches_per_caller: int) -> Quotas:
        """Return the quotas; those of streams are the settings of the gateway's."""
        streams = QuotaLimits(
            most=settings.max_streams, per_token=settings.streams_per_token, per_host=settings.streams_per_host
        )
        uploads = QuotaLimits(most=UPLOADS, per_token=UPLOADS_OF_ONE, per_host=UPLOADS)
        return cls(Quota(streams), Quota(uploads, what="uploads"), CallerLimit(searches_per_caller))


@asynccontextmanager
async def searching(limiter: Limiter, quotas: Quotas, caller: Caller, *, cost: int) -> AsyncIterator[Calls]:
    """Run a search of ``caller``: count its cost, and wait for one of the caller's slots.

    The slot is held until the calls that are noted in what this yields have ended.

    Raises:
        RateLimited: If the caller's searches cost too much within this minute.
    """
    await limiter.spend(caller, cost)
    async with until_ended(quotas.searches.slot(caller)) as calls:
        yield calls
