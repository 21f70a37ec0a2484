"""Reads a domain's log up to a head: from the hot buffer where an entry is valid, else from PostgreSQL."""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_right
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from uuid import UUID

from pc_worker.errors import BeyondHead, ContractBroken, Unavailable
from pc_worker.gateway.log.read_ahead import ReadAhead
from pc_worker.gateway.log.read_plan import ReadStep, read_plan
from pc_worker.gateway.log.retry import RetryBudget
from pc_worker.gateway.log.scan import ScanPace, scan_plan
from pc_worker.hot_buffer import AsyncHotBuffer, Entry
from pc_worker.store.log.read import Delivery, LogBatchRecord, LoggedRows, Tombstone
from pc_worker.store.log.subset import SubsetQuery
from pc_worker.wire import MESSAGE_BYTES, RowBlock, build_block, build_read_block

#: Log batches that one plan covers: about 77,000 rows, so that planning costs little per chunk.
WINDOW_BATCHES = 256
#: Seconds that a plan is used. Rows may change or be forgotten meanwhile, and a slow client must not get old entries.
PLAN_S = 5.0
#: Steps read in advance, so that Redis and PostgreSQL work while a chunk is sent.
READ_AHEAD = 2
#: Seconds after which a write counts as blocked by a slow client.
BLOCKED_S = 1.0
NO_EPOCH = UUID(int=0)
#: Bytes of the largest row that fits in a message of `Consume`.
MAX_ROW_BYTES = MESSAGE_BYTES - 65_536


@contextmanager
def dropping_read_ahead(reader: LogReader) -> Iterator[None]:
    """Discard what ``reader`` read ahead if the block, a write, takes long: a slow client then costs one message."""
    timer = asyncio.get_running_loop().call_later(BLOCKED_S, reader.drop_read_ahead)
    try:
        yield
    finally:
        timer.cancel()


@dataclass(frozen=True, slots=True)
class LogSlice:
    """Rows of a block from index ``start`` on, and tombstones: all of the log up to position ``upto``.

    Attributes:
        queued: Whether the rows were read from the hot buffer.
        jobs: The jobs that wrote the rows: one for each row, or one for all; "" = unknown. For consumers only.
        tombstones: The deleted rows. For consumers only.
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
    """What to read: the rows of ``domain`` after position ``after``, in a log that ends at ``head``.

    ``consumer``: whether tombstones and jobs are read too. ``subset``: only these rows; from PostgreSQL, which has to
    evaluate the filter.
    """

    domain: str
    row_type: str
    after: int
    head: int
    max_rows: int
    consumer: bool = False
    subset: SubsetQuery | None = None


class LogReader:
    """Reads one range in order, some steps ahead; continues after the database or Redis was unavailable for a while."""

    def __init__(
        self, delivery: Delivery, queue: AsyncHotBuffer | None, wanted: LogRange, *, retry_for_s: float
    ) -> None:
        self._delivery, self._queue, self._wanted, self._retry_for_s = delivery, queue, wanted, retry_for_s
        self._cursor = wanted.after
        self._pace = ScanPace(wanted.max_rows)
        self._batches: Sequence[LogBatchRecord] = ()
        self._ahead: ReadAhead[ReadStep, Entry | LoggedRows | None] = ReadAhead((), self._read, depth=0)

    async def slices(self) -> AsyncIterator[LogSlice]:
        """Yield the range's rows; complete if it ends without an error.

        Raises:
            Unavailable: If the database stays unavailable for ``retry_for_s``.
            BeyondHead: If the log was restored to an older state, for a consumer.
            ContractBroken: If it was, for others, or if a row does not fit in a message.
        """
        budget = RetryBudget(self._retry_for_s)
        complete = self._cursor >= self._wanted.head
        while not complete:
            try:
                async for log_slice in self._window():
                    budget.restore()
                    yield log_slice
                complete = self._cursor >= self._wanted.head  # only after a window whose check of the end succeeded
            except Unavailable as exc:
                await budget.wait(exc, what=f"stream of {self._wanted.domain}")

    def drop_read_ahead(self) -> None:
        """Discard what was read ahead; it is read again when it is needed."""
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
        # Checked after reading: rows that a restored database no longer has would look deleted.
        end = await self._delivery.head(self._wanted.domain)
        if end is None or end.position < self._wanted.head:
            # A consumer has a documented way to go on, by this error's code.
            raise (BeyondHead if self._wanted.consumer else ContractBroken)(
                f"the log of {self._wanted.domain} no longer reaches {self._wanted.head}, it was restored: start again"
            )

    async def _plan(self) -> list[ReadStep]:
        wanted = self._wanted
        batches = await self._delivery.batches(
            wanted.domain, after=self._cursor, upto=wanted.head, limit=WINDOW_BATCHES
        )
        self._batches = batches
        upto = batches[-1].last if len(batches) == WINDOW_BATCHES else wanted.head
        if wanted.subset is not None:
            return scan_plan(batches, cursor=self._cursor, upto=min(upto, wanted.head), entries=self._pace.entries)
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
        began = time.monotonic()
        found = await self._delivery.rows(
            self._wanted.domain,
            after=after,
            upto=upto,
            head=self._wanted.head,
            max_rows=self._wanted.max_rows,
            max_bytes=MESSAGE_BYTES,
            tombstones=self._wanted.consumer,
            subset=self._wanted.subset,
        )
        if self._wanted.subset is not None:
            self._pace.record(rows=0 if found is None else found.entries, seconds=time.monotonic() - began)
        return found

    def _slice(self, step: ReadStep, found: Entry | LoggedRows | None) -> LogSlice:
        match found:
            case Entry(block=block, epoch=epoch) if step.batch is not None:
                batch, start = step.batch, step.after + 1 - found.first
                return LogSlice(block, start, step.upto, True, batch.model, epoch, jobs=(batch.job_id or "",))
            case LoggedRows():
                block = row_block(found, domain=self._wanted.domain, row_type=self._wanted.row_type)
                jobs = self._jobs(block) if self._wanted.consumer else ()
                return LogSlice(block, 0, found.upto, False, found.model, found.epoch, jobs, found.tombstones)
            case _:
                return LogSlice(build_block(self._wanted.row_type, [], []), 0, step.upto, False, "", NO_EPOCH)

    def _jobs(self, block: RowBlock) -> tuple[str, ...]:
        if not len(block):
            return ()
        firsts = [batch.first for batch in self._batches]
        if bisect_right(firsts, block.positions[0]) == (last := bisect_right(firsts, block.positions[-1])):
            return (self._batches[last - 1].job_id or "" if last else "",)
        indexes = (bisect_right(firsts, position) - 1 for position in block.positions)
        jobs = tuple(self._batches[index].job_id or "" if index >= 0 else "" for index in indexes)
        return jobs if len(set(jobs)) > 1 else jobs[:1]


def row_block(read: LoggedRows, *, domain: str, row_type: str) -> RowBlock:
    """Return rows read from PostgreSQL as they are sent.

    Raises:
        ContractBroken: If a row does not fit in a message.
    """
    block = build_read_block(row_type, read.passages, read.model)
    if len(block.data) > MAX_ROW_BYTES:
        _check_sizes(block, domain)
    return block


def _check_sizes(block: RowBlock, domain: str) -> None:
    for index, (start, end) in enumerate(pairwise(block.offsets)):
        if end - start > MAX_ROW_BYTES:  # no client could receive it, and each would fail here again
            raise ContractBroken(
                f"row {block.row_id(index)} at position {block.positions[index]} of {domain} is {end - start:,} bytes "
                f"on the wire; {MAX_ROW_BYTES:,} is the most: switch the domain's model back, or forget the row"
            )
