"""Why a model returned no usable answer."""

from __future__ import annotations

from typing import Literal

Reason = Literal[
    "timeout",
    "connection",
    "rate_limited",
    "quota",
    "server_error",
    "rejected",
    "unauthorised",
    "not_configured",
    "declined",
    "invalid_output",
    "unsupported",
    "price_unknown",
    "breaker_open",
    "left",
]
#: The server is at fault: several of these in a row open its breaker.
SERVER: frozenset[Reason] = frozenset(("timeout", "connection", "rate_limited", "quota", "server_error"))


class LlmFailure(Exception):
    """One model returned no usable answer; the next one is asked.

    Attributes:
        reason: For machines.
        detail: One sentence, without secrets.
        retry_after_s: Seconds that the server asked to wait.
    """

    def __init__(self, reason: Reason, detail: str, retry_after_s: float | None = None) -> None:
        super().__init__(reason, detail, retry_after_s)
        self.reason, self.detail, self.retry_after_s = reason, detail, retry_after_s

    def __str__(self) -> str:
        return self.detail


def left_early() -> LlmFailure:
    """Return the end of a conversation that was not waited for: it says nothing about the server, good or bad."""
    return LlmFailure("left", "it was left before its end: the caller has gone, or an internal error")
