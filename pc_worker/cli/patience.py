"""Waiting of a one-shot command for a database that starts after it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TypeVar

from pc_worker.errors import Unavailable
from pc_worker.retry import RetryPolicy

T = TypeVar("T")

#: Pauses between two attempts: a server needs seconds to start, and minutes to be recovered.
ATTEMPTS = RetryPolicy(first_s=0.5, jitter_s=0.2, longest_s=3.0)


def patiently(work: Callable[[], T], *, wait_s: float) -> T:
    """Return the result of ``work``; while its server does not answer, run it again, for up to ``wait_s`` seconds.

    The first failure is printed on stderr, with the time that is waited at most. ``work`` must be safe to repeat.

    Raises:
        Unavailable: If the server does not answer in time either.
    """
    if not wait_s:
        return work()
    began, waiting = time.monotonic(), False

    def again(exc: Exception) -> bool:
        nonlocal waiting
        if not isinstance(exc, Unavailable) or time.monotonic() - began >= wait_s:
            return False
        if not waiting:
            print(f"waiting up to {wait_s:g} s: {exc}", file=sys.stderr, flush=True)
            waiting = True
        return True

    return ATTEMPTS.call(work, on=again)
