"""What runs next to a consumer's stream: its deadline for acknowledgements, and the measurement of its credit."""

from __future__ import annotations

import asyncio
import time
from typing import NoReturn

from pc_worker.errors import DeadlineExceeded
from pc_worker.gateway import metrics
from pc_worker.gateway.calls.consume.credit import CreditWindow

MEASURE_S = 5.0


async def guard_deadline(window: CreditWindow, deadline_s: float) -> NoReturn:
    """Run until nothing that was sent is acknowledged for ``deadline_s``.

    Raises:
        DeadlineExceeded: When that is so.
    """
    while True:
        overdue_at = window.overdue_at(deadline_s)
        left = deadline_s if overdue_at is None else overdue_at - time.monotonic()
        if left <= 0:
            raise DeadlineExceeded(f"nothing was acknowledged for {deadline_s} s: resume after {window.acked}")
        await asyncio.sleep(min(left, deadline_s / 4))


async def measure_credit(window: CreditWindow, domain: str) -> NoReturn:
    """Show the consumer's credit in the metrics, until this is cancelled."""
    shown = metrics.CreditShown(domain)
    try:
        while True:
            shown.show(window.chunks, window.bytes)
            await asyncio.sleep(MEASURE_S)
    finally:
        shown.show(0, 0)
