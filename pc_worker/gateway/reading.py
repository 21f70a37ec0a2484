"""A cursor over a domain's log: the rows up to a head, from the queue where it can be trusted, else from PostgreSQL."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

import structlog

from pc_worker.errors import ContractBroken, Unavailable
from pc_worker.gateway.plan import Step, plan
from pc_worker.queue import MESSAGE_BYTES, AsyncQueue, Entry, RowBlock, WirePassage, build_block, row_message
from pc_worker.store.delivery import Delivery, LogBatch, LoggedRows

log = structlog.get_logger()

#: Batches looked up at once: about 77,000 rows, so that checking them costs nothing a chunk.
WINDOW_BATCHES = 256
#: A row may change or be forgotten meanwhile; a slow reader must not be given old entries for long.
PLAN_S = 5.0
RETRY_S = (0.05, 0.1, 0.2, 0.5, 1.0)


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows of a block from ``start`` on; after them the log is read up to ``upto``. ``batch`` = it is the queue's."""

    block: RowBlock
    start: int
    upto: int
    batch: LogBatch | None
    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """What to read: rows of ``domain`` beyond ``after``, as they stand in a log that ends at ``head``."""

    domain: str
    arm: str
    after: int
    head: int
    max_rows: int


class LogReader:
    """Reads one range in order, surviving a database or queue that goes away meanwhile."""

    def __init__(self, delivery: Delivery, queue: AsyncQueue | None, wanted: Range, *, heal_s: float) -> None:
        self._delivery, self._queue, self._wanted, self._heal_s = delivery, queue, wanted, heal_s
        self._cursor = wanted.after

    async def pieces(self) -> AsyncIterator[Piece]:
        """Yield the range's rows; complete when it ends.

        Raises:
            Unavailable: If the database stays away for ``heal_s``.
            ContractBroken: If a row cannot be read as the schema promises.
        """
        failures = 0
        deadline = 0.0
        while self._cursor < self._wanted.head:
            try:
                async for piece in self._window():
                    failures = 0
                    yield piece
            except Unavailable as exc:
                deadline = deadline if failures else time.monotonic() + self._heal_s
                if time.monotonic() >= deadline:
                    raise
                log.warning("stream_waits_for_database", domain=self._wanted.domain, error=str(exc))
                await asyncio.sleep(RETRY_S[min(failures, len(RETRY_S) - 1)])
                failures += 1

    async def _window(self) -> AsyncIterator[Piece]:
        expires = time.monotonic() + PLAN_S
        for step in await self._plan():
            async for piece in self._queued(step) if step.batch else self._logged(step):
                self._cursor = piece.upto
                yield piece
            self._cursor = step.upto
            if time.monotonic() > expires:
                break
        await self._check_end()

    async def _check_end(self) -> None:
        # After reading: what a restored database no longer has looks like rows that were deleted.
        end = await self._delivery.head(self._wanted.domain)
        if end is None or end.position < self._wanted.head:
            raise ContractBroken(
                f"the log of {self._wanted.domain} no longer reaches {self._wanted.head}, it was restored: start again"
            )

    async def _plan(self) -> list[Step]:
        wanted = self._wanted
        batches = await self._delivery.batches(
            wanted.domain, after=self._cursor, upto=wanted.head, limit=WINDOW_BATCHES
        )
        upto = batches[-1].last if len(batches) == WINDOW_BATCHES else wanted.head
        held: frozenset[int] = frozenset()
        if self._queue is not None and batches:
            held = await self._queue.firsts(wanted.domain, batches[0].first, batches[-1].first)
        return plan(batches, held, cursor=self._cursor, upto=min(upto, wanted.head))

    async def _queued(self, step: Step) -> AsyncIterator[Piece]:
        entry = await self._entry(step)
        if entry is None or step.batch is None:
            async for piece in self._logged(step):
                yield piece
            return
        yield Piece(entry.block, step.after + 1 - entry.first, step.upto, step.batch, step.batch.model)

    async def _entry(self, step: Step) -> Entry | None:
        batch = step.batch
        if batch is None or self._queue is None:
            return None
        entry = await self._queue.get(self._wanted.domain, batch.first)
        if entry is None or (entry.epoch, entry.nonce, entry.last) != (batch.epoch, batch.nonce, batch.last):
            return None
        return entry

    async def _logged(self, step: Step) -> AsyncIterator[Piece]:
        cursor = step.after
        while cursor < step.upto:
            read = await self._delivery.rows(
                self._wanted.domain,
                after=cursor,
                upto=step.upto,
                head=self._wanted.head,
                max_rows=self._wanted.max_rows,
                max_bytes=MESSAGE_BYTES,
            )
            if read is None:
                return
            cursor = read.rows[-1].position
            yield Piece(self._block(read), 0, cursor, None, read.model)

    def _block(self, read: LoggedRows) -> RowBlock:
        rows = []
        for row in read.rows:
            passages = [WirePassage(passage.start, passage.end, passage.vector) for passage in row.passages]
            rows.append((row.row_id, row_message(self._wanted.arm, row.head, passages, read.model)))
        return build_block(self._wanted.arm, [row.position for row in read.rows], rows)
