"""Where the next stretch of a log is best read: from the queue or from PostgreSQL. Pure."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass

from pc_worker.store.delivery import LogBatch

#: Fewer rows than this are read from PostgreSQL together with their neighbours at the price of one queue entry.
SMALL_BATCH = 32


@dataclass(frozen=True, slots=True)
class Step:
    """Positions beyond ``after``, up to ``upto``; from the queue where ``batch`` is given, else from the log."""

    after: int
    upto: int
    batch: LogBatch | None = None


def plan(batches: Sequence[LogBatch], held: Container[int], *, cursor: int, upto: int) -> list[Step]:
    """Cover every position beyond ``cursor``, up to ``upto``, with as few steps as possible.

    A batch comes from the queue if it is intact, whole within the range, and ``held`` there. Whatever no batch
    covers comes from the log, which knows best.
    """
    steps: list[Step] = []
    for batch in _from_queue(batches, held, upto):
        if batch.first > cursor + 1:
            steps.append(Step(cursor, batch.first - 1))
            cursor = batch.first - 1
        steps.append(Step(cursor, batch.last, batch))
        cursor = batch.last
    if cursor < upto:
        steps.append(Step(cursor, upto))
    return steps


def _from_queue(batches: Iterable[LogBatch], held: Container[int], upto: int) -> list[LogBatch]:
    return [
        batch
        for batch in batches
        if batch.intact
        and batch.first in held
        and batch.last <= upto
        and batch.last - batch.first + 1 >= SMALL_BATCH
    ]
