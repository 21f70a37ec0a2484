"""A cursor over a domain's log: the rows up to a head, from the queue where it can be trusted, else from PostgreSQL."""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_right
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

from pc_worker.errors import ContractBroken, Unavailable
from pc_worker.gateway.log.read_ahead import ReadAhead
from pc_worker.gateway.log.read_plan import ReadStep, read_plan
from pc_worker.gateway.log.retry import RetryBudget
from pc_worker.hot_buffer import AsyncHotBuffer, Entry
from pc_worker.store.log.read import Delivery, LogBatchRecord, LoggedRows, Tombstone
from pc_worker.wire import MESSAGE_BYTES, RowBlock, build_block, row_message

#: Batches looked up at once: about 77,000 rows, so that checking them costs nothing a chunk.
WINDOW_BATCHES = 256
#: A row may change or be forgotten meanwhile; a slow reader must not be given old entries for long.
PLAN_S = 5.0
#: Two chunks beyond the present one: Redis and PostgreSQL then work while the present one is sent.
READ_AHEAD = 2
#: A client that takes no message for so long is slow.
BLOCKED_S = 1.0
NO_EPOCH = UUID(int=0)
#: A row alone in a message, with all framing of `Consume`.
MOST_ROW_BYTES = MESSAGE_BYTES - 65_536


@contextmanager
def dropping_read_ahead(reader: LogReader) -> Iterator[None]:
    """Have ``reader`` give up what it read ahead if the block, a write, lasts: a client costs its one message then."""
    timer = asyncio.get_running_loop().call_later(BLOCKED_S, reader.drop_read_ahead)
    try:
        yield
    finally:
        timer.cancel()


@dataclass(frozen=True, slots=True)
class LogSlice:
    """Rows of a block from ``start`` on, and deleted ones; after them the log is read up to ``upto``.

    ``jobs`` logged the rows, one for each or one for all, empty = unknown; they and ``tombstones`` are filled in for
    consumers only.
    """

    block: RowBlock
    start: int
    upto: int
    queued: bool
    model: str
    epoch: UUID
    jobs: tuple[str, ...] = ()
    tombstones: Sequence[Tombstone] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRange:
    """What to read: rows of ``domain`` beyond ``after``, as they stand in a log that ends at ``head``.

    ``consumer`` = with tombstones and jobs.
    """

    domain: str
    row_type: str
    after: int
    head: int
    max_rows: int
    consumer: bool = False


class LogReader:
    """Reads one range in order, a little ahead, surviving a database or queue that goes away meanwhile."""

    def __init__(
        self, delivery: Delivery, queue: AsyncHotBuffer | None, wanted: LogRange, *, retry_for_s: float
    ) -> None:
        self._delivery, self._queue, self._wanted, self._retry_for_s = delivery, queue, wanted, retry_for_s
        self._cursor = wanted.after
        self._batches: Sequence[LogBatchRecord] = ()
        self._ahead: ReadAhead[ReadStep, Entry | LoggedRows | None] = ReadAhead((), self._read, depth=0)

    async def slices(self) -> AsyncIterator[LogSlice]:
        """Yield the range's rows; complete when it ends.

        Raises:
            Unavailable: If the database stays away for ``retry_for_s``.
            ContractBroken: If a row cannot be read as the schema promises.
        """
        patience = RetryBudget(self._retry_for_s)
        while self._cursor < self._wanted.head:
            try:
                async for log_slice in self._window():
                    patience.succeed()
                    yield log_slice
            except Unavailable as exc:
                await patience.endure(exc, f"stream of {self._wanted.domain}")

    def drop_read_ahead(self) -> None:
        """Give up what was read ahead: its client does not take what it has."""
        self._ahead.drop()

    async def _window(self) -> AsyncIterator[LogSlice]:
        expires = time.monotonic() + PLAN_S
        self._ahead = ReadAhead(await self._plan(), self._read, depth=READ_AHEAD)
        try:
            while time.monotonic() < expires and (taken := await self._ahead.take()) is not None:
                async for log_slice in self._slices(*taken):
                    self._cursor = log_slice.upto
                    yield log_slice
        finally:
            self._ahead.drop()
        await self._check_end()

    async def _slices(self, step: ReadStep, found: Entry | LoggedRows | None) -> AsyncIterator[LogSlice]:
        log_slice = self._slice(step, found)
        yield log_slice
        while log_slice.upto < step.upto:
            log_slice = self._slice(step, await self._rows(log_slice.upto, step.upto))
            yield log_slice

    async def _check_end(self) -> None:
        # After reading: what a restored database no longer has looks like rows that were deleted.
        end = await self._delivery.head(self._wanted.domain)
        if end is None or end.position < self._wanted.head:
            raise ContractBroken(
                f"the log of {self._wanted.domain} no longer reaches {self._wanted.head}, it was restored: start again"
            )

    async def _plan(self) -> list[ReadStep]:
        wanted = self._wanted
        batches = await self._delivery.batches(
            wanted.domain, after=self._cursor, upto=wanted.head, limit=WINDOW_BATCHES
        )
        self._batches = batches
        upto = batches[-1].last if len(batches) == WINDOW_BATCHES else wanted.head
        held: frozenset[int] = frozenset()
        if self._queue is not None and batches:
            held = await self._queue.held(wanted.domain, [batch.first for batch in batches])
        return read_plan(batches, held, cursor=self._cursor, upto=min(upto, wanted.head))

    async def _read(self, step: ReadStep) -> Entry | LoggedRows | None:
        return await self._entry(step) or await self._rows(step.after, step.upto)

    async def _entry(self, step: ReadStep) -> Entry | None:
        batch = step.batch
        if batch is None or self._queue is None:
            return None
        entry = await self._queue.get(self._wanted.domain, batch.first, batch.nonce, batch.queue_key)
        if entry is None or (entry.epoch, entry.last) != (batch.epoch, batch.last):
            return None
        return entry

    async def _rows(self, after: int, upto: int) -> LoggedRows | None:
        return await self._delivery.rows(
            self._wanted.domain,
            after=after,
            upto=upto,
            head=self._wanted.head,
            max_rows=self._wanted.max_rows,
            max_bytes=MESSAGE_BYTES,
            tombstones=self._wanted.consumer,
        )

    def _slice(self, step: ReadStep, found: Entry | LoggedRows | None) -> LogSlice:
        match found:
            case Entry(block=block, epoch=epoch) if step.batch is not None:
                batch, start = step.batch, step.after + 1 - found.first
                return LogSlice(block, start, step.upto, True, batch.model, epoch, jobs=(batch.job_id or "",))
            case LoggedRows():
                block = self._block(found)
                jobs = self._jobs(block) if self._wanted.consumer else ()
                return LogSlice(block, 0, found.upto, False, found.model, found.epoch, jobs, found.tombstones)
            case _:
                return LogSlice(build_block(self._wanted.row_type, [], []), 0, step.upto, False, "", NO_EPOCH)

    def _jobs(self, block: RowBlock) -> tuple[str, ...]:
        firsts = [batch.first for batch in self._batches]
        places = (bisect_right(firsts, position) - 1 for position in block.positions)
        jobs = tuple(self._batches[place].job_id or "" if place >= 0 else "" for place in places)
        return jobs if len(set(jobs)) > 1 else jobs[:1]

    def _block(self, read: LoggedRows) -> RowBlock:
        rows = []
        for row in read.rows:
            message = row_message(self._wanted.row_type, row.head, row.passages, read.model)
            if len(message) > MOST_ROW_BYTES:  # no client could take it: each would fail here again and again
                raise ContractBroken(
                    f"row {row.row_id} at position {row.position} of {self._wanted.domain} is {len(message):,} bytes "
                    f"on the wire; {MOST_ROW_BYTES:,} is the most: switch the domain's model back, or forget the row"
                )
            rows.append((row.row_id, message))
        return build_block(self._wanted.row_type, [row.position for row in read.rows], rows)
