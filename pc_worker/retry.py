"""Retries of one call, with exponential backoff, by stamina."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

T = TypeVar("T")

#: The errors to retry after, or a function that decides; it may return the pause in seconds.
RetryOn: TypeAlias = type[Exception] | Callable[[Exception], bool | float]


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often a call is retried, and the pauses in between, in seconds.

    The pause before retry n is ``min(longest_s, first_s * 2 ** (n - 1) + random(0, jitter_s))``.

    Attributes:
        attempts: Calls at most; None = no limit.
        first_s: The first pause.
        jitter_s: What is added to each pause at random, at most.
        longest_s: The longest pause.
    """

    attempts: int | None = None
    first_s: float
    jitter_s: float = 0.0
    longest_s: float

    def call(self, function: Callable[[], T], *, on: RetryOn) -> T:
        """Return what ``function`` returns, calling it again after an error that ``on`` accepts.

        Raises:
            Exception: The last error, or one that ``on`` does not accept.
        """
        import stamina  # here, because it takes a command 0.1 s, and few need it

        # Its log events and Prometheus counters would be foreign among ours; callers log where an operator should know.
        stamina.instrumentation.set_on_retry_hooks(())
        retrying = stamina.RetryingCaller(
            attempts=self.attempts,
            timeout=None,
            wait_initial=self.first_s,
            wait_jitter=self.jitter_s,
            wait_max=self.longest_s,
        )
        return retrying(on, function)
