"""Requests and tokens per minute of an engine, shared by all processes through Redis."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pc_worker.errors import Unavailable
from pc_worker.logs import get_logger

if TYPE_CHECKING:
    from limits import RateLimitItem
    from limits.storage import Storage
    from limits.strategies import RateLimiter

log = get_logger(__name__)

#: Seconds that a batch waits for its turn; then its task yields to others and is tried again later.
PATIENCE_S = 5.0
#: Seconds between two tries.
TURN_S = 0.2
#: Seconds after which Redis is asked again.
REDIS_AGAIN_S = 10.0


@dataclass(slots=True, kw_only=True)
class EngineLimits:
    """The limits of engines; safe to share between threads.

    Attributes:
        rpm: Requests per minute; None = no limit.
        tpm: Tokens per minute; None = no limit.
        shared: Opens the storage that all processes share.
        processes: The processes among which the limits are divided while that storage is unavailable.
    """

    rpm: int | None = None
    tpm: int | None = None
    shared: Callable[[], Storage] | None = None
    processes: int = 1
    _limiters: dict[str, RateLimiter] = field(default_factory=dict)
    _again_at: float = 0.0

    def clamped(self, tokens: int) -> int:
        """Return how many tokens one request may have: no more than a minute's."""
        return tokens if self.tpm is None else min(tokens, self.tpm)

    def take(self, engine: str, *, tokens: int, patience_s: float = PATIENCE_S) -> None:
        """Wait until a request of ``tokens`` tokens to this engine is within its limits, and count it.

        Raises:
            Unavailable: If it is not within ``patience_s`` seconds.
        """
        until = time.monotonic() + patience_s
        for kind, amount, cost in (("requests", self.rpm, 1), ("tokens", self.tpm, tokens)):
            while amount is not None and not self._hit(engine, kind, amount, cost):
                if time.monotonic() >= until:
                    raise Unavailable(f"{engine}: the limit of {amount:,} {kind} per minute is reached")
                time.sleep(TURN_S)

    def count(self, engine: str, *, tokens: int) -> None:
        """Count a request that does not wait, such as a query; batches then wait longer."""
        for kind, amount, cost in (("requests", self.rpm, 1), ("tokens", self.tpm, tokens)):
            if amount is not None:
                self._hit(engine, kind, amount, cost)

    def _hit(self, engine: str, kind: str, amount: int, cost: int) -> bool:
        if self.shared is not None and time.monotonic() >= self._again_at:
            try:
                return self._limiter("shared").hit(_per_minute(amount), engine, kind, cost=min(cost, amount))
            except _storage_errors() as exc:
                self._again_at = time.monotonic() + REDIS_AGAIN_S
                log.warning("limits_not_shared", reason=str(exc), again_in_s=REDIS_AGAIN_S)
        share = max(1, amount // self.processes) if self.shared is not None else amount
        return self._limiter("own").hit(_per_minute(share), engine, kind, cost=min(cost, share))

    def _limiter(self, which: str) -> RateLimiter:
        from limits.storage import MemoryStorage
        from limits.strategies import SlidingWindowCounterRateLimiter

        if which not in self._limiters:
            storage: Any = self.shared() if which == "shared" and self.shared is not None else MemoryStorage()
            self._limiters[which] = SlidingWindowCounterRateLimiter(storage)
        return self._limiters[which]


def _per_minute(amount: int) -> RateLimitItem:
    from limits import RateLimitItemPerMinute

    return RateLimitItemPerMinute(amount)


def _storage_errors() -> type[Exception]:
    from limits.errors import StorageError

    return StorageError
