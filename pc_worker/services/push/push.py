"""Push a domain's log to a stock batch server: short calls, each an acknowledgement that moves a checkpoint."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal
from uuid import UUID

from pc_worker.errors import ContractBroken, InvalidRequest, NotFound
from pc_worker.model import read_canonical_uuid
from pc_worker.push import (
    BatchServer,
    PushLimits,
    Sender,
    StockRow,
    StockTable,
    UnfitValue,
    metrics,
    stock_row,
    stock_table,
)
from pc_worker.store.db.connection import Cursor, Database
from pc_worker.store.log.push_log import LogEnd, LoggedPayload, first_position, read_accepted, read_end, read_window
from pc_worker.store.log.push_state import (
    PushRejection,
    delete_rejections,
    move_checkpoint,
    push_lock,
    read_checkpoint,
    record_rejections,
)

#: What one call carries: three or four messages, about 600 rows of 1536 numbers, ten seconds of a stock server's work.
CALL_BYTES = 12_000_000
CALL_ROWS = 1_000

#: ``more`` = time was up or the log began anew: push again; ``busy`` = another push of the domain to the address runs.
State = Literal["complete", "more", "busy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PushRequest:
    """What is to be pushed.

    Attributes:
        domain: One that a stock batch server stores.
        address: One of the allowed servers; None = the first.
        after: Instead of the stored checkpoint, which then never moves: a position, or a row's UUID for the first
            position that row ever had. 0 = everything once more.
    """

    domain: str
    address: str | None = None
    after: int | str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """What a push did: rows the server took and refused, and the position reached of a log that ended at ``head``."""

    domain: str
    address: str
    state: State
    rows: int = 0
    refused: int = 0
    position: int = 0
    head: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """From where to where a push goes; ``checkpoint`` is the stored one, ``moves`` whether it moves along."""

    table: StockTable
    address: str
    end: LogEnd
    start: int
    checkpoint: int
    moves: bool


def push(
    database: Database, request: PushRequest, *, servers: Sequence[str], limits: PushLimits | None = None
) -> Pushed:
    """Push what is in the domain's log now, from the checkpoint on, and end when all is acknowledged or time is up.

    Killed at any point, the next push goes on from the last acknowledgement; what is sent twice changes nothing.

    Args:
        database: A connection of the calling thread.
        request: What to push.
        servers: The allowed addresses, the first is the default; none = push is off.
        limits: Attempts, pauses and duration.

    Raises:
        InvalidRequest: If push is off, the address is not allowed, the domain or ``after`` is none to push from.
        Unavailable: If the batch server or PostgreSQL does not answer, or the server takes nothing at all.
        ContractBroken: If the domain's vectors are not what the server stores, or the address is no batch server.
    """
    table, address = stock_table(request.domain), allowed_address(servers, request.address)
    with push_lock(database, table.domain, address) as alone:
        if not alone:
            return Pushed(domain=table.domain, address=address, state="busy")
        with database.transaction() as cursor:
            course = _course(cursor, table, address, request.after)
        if course is None:
            return Pushed(domain=table.domain, address=address, state="complete")
        with BatchServer(address) as server:
            return _follow(database, course, server, limits or PushLimits())


def allowed_address(servers: Sequence[str], address: str | None) -> str:
    """Give the address to push to.

    Raises:
        InvalidRequest: If push is off or the address is not among the allowed ones.
    """
    if not servers:
        raise InvalidRequest("push is off: name the allowed batch servers in PC_WORKER_BATCH_SERVERS")
    if address is not None and address not in servers:
        raise InvalidRequest(f"{address} is not among PC_WORKER_BATCH_SERVERS ({', '.join(servers)})")
    return address or servers[0]


def ready_row(table: StockTable, logged: LoggedPayload) -> StockRow:
    """Turn a row of the log into what the server takes.

    Raises:
        UnfitValue: If it could not store the row.
    """
    return stock_row(
        table, position=logged.position, row_id=logged.row_id, payload=logged.payload, vector=logged.vector
    )


def sender_of(
    database: Database, table: StockTable, server: BatchServer, end: LogEnd, *, checkpoint: int, limits: PushLimits
) -> Sender:
    """Give the sender to a server that has acknowledged the log up to ``checkpoint``."""

    def known_good() -> StockRow | None:
        with database.transaction() as cursor:
            logged = read_accepted(cursor, table.domain, end, address=server.address, position=checkpoint)
        try:
            return None if logged is None else ready_row(table, logged)
        except UnfitValue:
            return None

    return Sender(server, table, known_good=known_good, limits=limits)


def log_end(cursor: Cursor, table: StockTable) -> LogEnd | None:
    """Give where the domain's log ends; None if it has none yet.

    Raises:
        ContractBroken: If its vectors are not of the server's dimension.
    """
    end = read_end(cursor, table.domain)
    if end is not None and end.dimension != table.dimension:
        raise ContractBroken(
            f"{table.domain} has vectors of {end.dimension} numbers, a batch server stores {table.dimension}"
        )
    return end


def _course(cursor: Cursor, table: StockTable, address: str, after: int | str | None) -> Course | None:
    end = log_end(cursor, table)
    if end is None:
        return None
    checkpoint = read_checkpoint(cursor, table.domain, address, end.epoch)
    start = checkpoint if after is None else _position(cursor, table.domain, end.head, after)
    return Course(table=table, address=address, end=end, start=start, checkpoint=checkpoint, moves=after is None)


def _position(cursor: Cursor, domain: str, head: int, after: int | str) -> int:
    if isinstance(after, int) or after.isdecimal():
        if not 0 <= int(after) <= head:
            raise InvalidRequest(f"position {after} is not in the log of {domain}, which ends at {head}")
        return int(after)
    row_id = _canonical(after)
    position = first_position(cursor, domain, row_id)
    if position is None:
        raise NotFound(f"row {row_id} is not in the log of {domain}")
    return position


def _canonical(text: str) -> UUID:
    row_id = read_canonical_uuid(text)
    if row_id is None:
        raise InvalidRequest(f"{text!r} is neither a position nor a UUID of 36 lower-case characters")
    return row_id


def _follow(database: Database, course: Course, server: BatchServer, limits: PushLimits) -> Pushed:
    """Walk the log window by window; each is sent, acknowledged and noted before the next is read."""
    table, end = course.table, course.end
    sender = sender_of(database, table, server, end, checkpoint=course.checkpoint, limits=limits)
    done = Pushed(domain=table.domain, address=course.address, state="complete", position=course.start, head=end.head)
    time_is_up = time.monotonic() + limits.run_s
    while done.position < end.head:
        window = _read(database, course, done.position)
        if window is None:
            return replace(done, state="more")
        refusals = _deliver(sender, table, window)
        position = window[-1].position if window else end.head
        _note(database, course, position, window, refusals)
        taken, refused = done.rows + len(window) - len(refusals), done.refused + len(refusals)
        done = replace(done, rows=taken, refused=refused, position=position)
        if position < end.head and time.monotonic() >= time_is_up:
            return replace(done, state="more")
    return done


def _read(database: Database, course: Course, after: int) -> list[LoggedPayload] | None:
    """The next rows, or None if the log has begun anew since the push began."""
    domain, end = course.table.domain, course.end
    with database.transaction() as cursor:
        now = read_end(cursor, domain)
        if now is None or now.epoch != end.epoch:
            return None
        return read_window(cursor, domain, end, after=after, max_rows=CALL_ROWS, max_bytes=CALL_BYTES)


def _deliver(sender: Sender, table: StockTable, window: Sequence[LoggedPayload]) -> list[PushRejection]:
    """Send a window; gives the rows that are not fit to be sent, and those that the server does not take."""
    ready, refusals = [], []
    for logged in window:
        try:
            ready.append(ready_row(table, logged))
        except UnfitValue as fault:
            refusals.append(PushRejection(row_id=logged.row_id, position=logged.position, reason=str(fault)))
    for row, reason in zip(ready, sender.send(ready), strict=True):
        if reason is not None:
            refusals.append(PushRejection(row_id=row.row_id, position=row.position, reason=reason))
    return refusals


def _note(
    database: Database,
    course: Course,
    position: int,
    window: Sequence[LoggedPayload],
    refusals: Sequence[PushRejection],
) -> None:
    domain, address = course.table.domain, course.address
    refused = {refusal.row_id for refusal in refusals}
    with database.transaction() as cursor:
        delete_rejections(cursor, domain, address, {row.row_id for row in window} - refused)
        record_rejections(cursor, domain, address, refusals)
        if course.moves:
            move_checkpoint(cursor, domain, address, course.end.epoch, position)
    metrics.ROWS.labels(domain=domain, outcome="taken").inc(len(window) - len(refused))
    metrics.ROWS.labels(domain=domain, outcome="refused").inc(len(refused))
    if course.moves:
        metrics.LAG.labels(domain=domain, address=address).set(course.end.head - position)
