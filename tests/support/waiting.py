"""Wait for a condition; never for a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(look: Callable[[], T], *, within_s: float = 60.0, what: str = "the condition") -> T:
    """Return the first truthy result of ``look``; fail when none came in time."""
    deadline = time.monotonic() + within_s
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come about within {within_s} s")
        time.sleep(0.05)
