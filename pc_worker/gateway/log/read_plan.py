"""The steps in which the next part of a log is read, each from the hot buffer or from PostgreSQL. Pure."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass

from pc_worker.store.log.read import LogBatchRecord

#: A batch with fewer rows is read from PostgreSQL with its neighbours, for the cost of one entry of the hot buffer.
SMALL_BATCH = 32


@dataclass(frozen=True, slots=True)
class ReadStep:
    """Positions after ``after`` up to ``upto``; from the hot buffer if ``batch`` is set, else from PostgreSQL."""

    after: int
    upto: int
    batch: LogBatchRecord | None = None


def read_plan(batches: Sequence[LogBatchRecord], held: Container[int], *, cursor: int, upto: int) -> list[ReadStep]:
    """Return steps that cover every position after ``cursor`` up to ``upto``.

    An intact log batch is one step: a chunk as it was committed, from the hot buffer if its first position is in
    ``held``. The batches between two such steps are one step together, because most of their rows may be superseded.
    """
    steps: list[ReadStep] = []
    for batch in batches:
        if not batch.intact or batch.last > upto or batch.last - batch.first + 1 < SMALL_BATCH:
            continue
        if batch.first > cursor + 1:
            steps.append(ReadStep(cursor, batch.first - 1))
            cursor = batch.first - 1
        steps.append(ReadStep(cursor, batch.last, batch if batch.first in held else None))
        cursor = batch.last
    if cursor < upto:
        steps.append(ReadStep(cursor, upto))
    return steps
