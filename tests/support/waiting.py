"""Wait for a condition; never for a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


#: Seconds between two checks: as short as this, and not longer than that.
OFTEN_S, SELDOM_S = 0.05, 0.4


def eventually(look: Callable[[], T], *, within_s: float = 60.0, what: str = "the condition", brief: bool = False) -> T:
    """Return the first truthy result of ``look``; fail when none came in time.

    Looking costs CPU time, too: after a second it is done less and less often, unless what is waited for is brief.
    """
    began = time.monotonic()
    while True:
        found = look()
        if found:
            return found
        waited = time.monotonic() - began
        if waited > within_s:
            raise AssertionError(f"{what} did not come about within {within_s} s")
        time.sleep(OFTEN_S if brief else min(max(waited / 20, OFTEN_S), SELDOM_S))
