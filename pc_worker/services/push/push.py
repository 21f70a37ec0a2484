"""Push a domain's log to a stock batch server: short calls; each acknowledgement moves a checkpoint."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal
from uuid import UUID

from pc_worker.errors import ContractBroken, InvalidRequest, NotFound
from pc_worker.model import read_canonical_uuid
from pc_worker.push import (
    PushLimits,
    Sender,
    StockRow,
    StockTable,
    UnfitValue,
    metrics,
    stock_row,
    stock_table,
)
from pc_worker.services.push.lock_session import LockLost, LockSession
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

if TYPE_CHECKING:
    from pc_worker.push import BatchServer

#: The size of one call: three or four messages, about 600 rows of 1536 numbers, ten seconds of a stock server's work.
CALL_BYTES = 12_000_000
CALL_ROWS = 1_000

#: ``more`` = the time is up or a new epoch began: push again. ``busy`` = another push of the domain to it is running.
State = Literal["complete", "more", "busy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PushRequest:
    """The request for a push.

    Attributes:
        domain: A domain that a stock batch server stores.
        address: One of the allowed servers; None = the first.
        after: Used instead of the stored checkpoint, which then does not move: a position, or a row's UUID for the
            first position of that row. 0 = push everything again.
    """

    domain: str
    address: str | None = None
    after: int | str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """The result of a push: rows accepted and not accepted, and the position reached of a log with head ``head``."""

    domain: str
    address: str
    state: State
    rows: int = 0
    refused: int = 0
    position: int = 0
    head: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """The range of a push; ``checkpoint`` is the stored one, ``moves`` = it moves with the acknowledgements."""

    table: StockTable
    address: str
    end: LogEnd
    start: int
    checkpoint: int
    moves: bool


def push(
    database: Database, request: PushRequest, *, servers: Sequence[str], limits: PushLimits | None = None
) -> Pushed:
    """Push the domain's log from the checkpoint to its present head; end when all is acknowledged or the time is up.

    After a crash at any point, the next push continues from the last acknowledgement. Rows sent twice change nothing.

    Args:
        database: A connection of the calling thread.
        request: What to push.
        servers: The allowed addresses, the first is the default; none = push is off.
        limits: Attempts, pauses and duration; None = the defaults.

    Raises:
        InvalidRequest: If push is off, the address is not allowed, or the domain or ``after`` cannot be pushed.
        Unavailable: If the batch server or PostgreSQL does not answer, or the server accepts no row at all.
        ContractBroken: If the server cannot store the domain's vectors, or the address is no batch server.
    """
    table, address = stock_table(request.domain), allowed_address(servers, request.address)
    with push_lock(database, table.domain, address) as alone:
        if not alone:
            return Pushed(domain=table.domain, address=address, state="busy")
        session = LockSession(database)
        with database.transaction() as cursor:
            course = _course(cursor, table, address, request.after)
        if course is None:
            return Pushed(domain=table.domain, address=address, state="complete")
        from pc_worker.push import BatchServer  # with gRPC, which most tasks do not need

        with BatchServer(address) as server:
            return _follow(database, session, course, server, limits or PushLimits())


def allowed_address(servers: Sequence[str], address: str | None) -> str:
    """Return the address to push to.

    Raises:
        InvalidRequest: If push is off or the address is not among the allowed ones.
    """
    if not servers:
        raise InvalidRequest("push is off: name the allowed batch servers in PC_WORKER_BATCH_SERVERS")
    if address is not None and address not in servers:
        raise InvalidRequest(f"{address} is not among PC_WORKER_BATCH_SERVERS ({', '.join(servers)})")
    return address or servers[0]


def ready_row(table: StockTable, logged: LoggedPayload) -> StockRow:
    """Return a row of the log in the server's form.

    Raises:
        UnfitValue: If the server cannot store the row.
    """
    return stock_row(
        table, position=logged.position, row_id=logged.row_id, payload=logged.payload, vector=logged.vector
    )


def sender_of(
    database: Database,
    session: LockSession,
    table: StockTable,
    server: BatchServer,
    end: LogEnd,
    *,
    checkpoint: int,
    limits: PushLimits,
) -> Sender:
    """Return the sender for a server that has acknowledged the log up to ``checkpoint``; ``session`` has the lock."""

    def known_good() -> StockRow | None:
        with database.transaction() as cursor:
            logged = read_accepted(cursor, table.domain, end, address=server.address, position=checkpoint)
        try:
            return None if logged is None else ready_row(table, logged)
        except UnfitValue:
            return None

    return Sender(server, table, known_good=known_good, limits=limits, before_call=session.check)


def log_end(cursor: Cursor, table: StockTable) -> LogEnd | None:
    """Return the end of the domain's log; None if it has no log yet.

    Raises:
        ContractBroken: If its vectors do not have the server's dimension.
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


def _follow(
    database: Database, session: LockSession, course: Course, server: BatchServer, limits: PushLimits
) -> Pushed:
    """Push the log window by window; each is sent, acknowledged and recorded before the next is read."""
    table, end = course.table, course.end
    sender = sender_of(database, session, table, server, end, checkpoint=course.checkpoint, limits=limits)
    done = Pushed(domain=table.domain, address=course.address, state="complete", position=course.start, head=end.head)
    time_is_up = time.monotonic() + limits.run_s
    while done.position < end.head:
        window = _read(database, course, done.position)
        if window is None:
            return replace(done, state="more")
        position = window[-1].position if window else end.head
        try:
            with session.sending(
                table.domain, course.address, end.epoch, after=done.position if course.moves else None
            ):
                rejections = _deliver(sender, table, window)
                is_moved = _record(database, course, done.position, position, window, rejections)
        except LockLost:
            return replace(done, state="more")
        if not is_moved:
            return replace(done, state="more")
        accepted, refused = done.rows + len(window) - len(rejections), done.refused + len(rejections)
        done = replace(done, rows=accepted, refused=refused, position=position)
        if position < end.head and time.monotonic() >= time_is_up:
            return replace(done, state="more")
    return done


def _read(database: Database, course: Course, after: int) -> list[LoggedPayload] | None:
    """Return the next rows, or None if a new epoch began since the push started."""
    domain, end = course.table.domain, course.end
    with database.transaction() as cursor:
        now = read_end(cursor, domain)
        if now is None or now.epoch != end.epoch:
            return None
        return read_window(cursor, domain, end, after=after, max_rows=CALL_ROWS, max_bytes=CALL_BYTES)


def _deliver(sender: Sender, table: StockTable, window: Sequence[LoggedPayload]) -> list[PushRejection]:
    """Send a window; return the rows that cannot be sent, and those that the server does not accept."""
    ready, rejections = [], []
    for logged in window:
        try:
            ready.append(ready_row(table, logged))
        except UnfitValue as fault:
            rejections.append(PushRejection(row_id=logged.row_id, position=logged.position, reason=str(fault)))
    for row, reason in zip(ready, sender.send(ready), strict=True):
        if reason is not None:
            rejections.append(PushRejection(row_id=row.row_id, position=row.position, reason=reason))
    return rejections


def _record(
    database: Database,
    course: Course,
    before: int,
    position: int,
    window: Sequence[LoggedPayload],
    rejections: Sequence[PushRejection],
) -> bool:
    """Record the answers of a window; return False if the checkpoint was rewound meanwhile."""
    domain, address = course.table.domain, course.address
    refused = {rejection.row_id for rejection in rejections}
    with database.transaction() as cursor:
        delete_rejections(cursor, domain, address, {row.row_id for row in window} - refused)
        record_rejections(cursor, domain, address, rejections)
        if course.moves and not move_checkpoint(cursor, domain, address, course.end.epoch, position, before=before):
            return False
    metrics.ROWS.labels(domain=domain, outcome="taken").inc(len(window) - len(refused))
    metrics.ROWS.labels(domain=domain, outcome="refused").inc(len(refused))
    if course.moves:
        metrics.LAG.labels(domain=domain, address=address).set(course.end.head - position)
    return True
