"""Where the next stretch of a log is best read: from the queue or from PostgreSQL. Pure."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass

from pc_worker.store.log.read import LogBatchRecord

#: Fewer rows than this are read from PostgreSQL together with their neighbours at the price of one queue entry.
SMALL_BATCH = 32


@dataclass(frozen=True, slots=True)
class ReadStep:
    """Positions beyond ``after``, up to ``upto``; from the queue where ``batch`` is given, else from the log."""

    after: int
    upto: int
    batch: LogBatchRecord | None = None


def read_plan(batches: Sequence[LogBatchRecord], held: Container[int], *, cursor: int, upto: int) -> list[ReadStep]:
    """Cover every position beyond ``cursor``, up to ``upto``.

    An intact batch is one step: a chunk as it was committed, from the queue if it is ``held`` there. Whatever else
    lies between is read from the log in one stretch, however many batches it spans, for most of it may be superseded.
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
