"""The steps in which a consumer's part of a log is read: as long as their yield allows. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from pc_worker.gateway.log.read_plan import ReadStep
from pc_worker.store.log.read import LogBatchRecord

#: Log entries of a step: evaluating a filter takes some microseconds for each, more for large payloads.
LEAST, FIRST, MOST = 100, 600, 20_000
#: Seconds of a step, above which the next ones are shorter: a consumer hears of each.
LONG_S = 0.5


class ScanPace:
    """How many entries a step covers: more while few rows are found, fewer when it takes long."""

    def __init__(self, max_rows: int) -> None:
        self.entries = FIRST
        self._enough = max(max_rows // 2, 1)

    def record(self, *, rows: int, seconds: float) -> None:
        """Record what one step yielded and took."""
        if seconds > LONG_S:
            self.entries = max(self.entries // 2, LEAST)
        elif rows < self._enough:
            self.entries = min(self.entries * 2, MOST)


def scan_plan(batches: Sequence[LogBatchRecord], *, cursor: int, upto: int, entries: int) -> list[ReadStep]:
    """Return steps that cover every position after ``cursor`` up to ``upto``: whole batches of ``entries`` together.

    Positions between batches have no entries and cost nothing.
    """
    steps: list[ReadStep] = []
    start, found = cursor, 0
    for batch in batches:
        found += batch.last - max(batch.first, cursor + 1) + 1
        if found >= entries and batch.last < upto:
            steps.append(ReadStep(start, batch.last))
            start, found = batch.last, 0
    if start < upto:
        steps.append(ReadStep(start, upto))
    return steps
