"""Rows that a batch server did not accept: list them, send their present version again, or drop them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from pc_worker.errors import Unavailable
from pc_worker.push import PushLimits, Sender, StockTable, UnfitValue, stock_table
from pc_worker.services.push.lock_session import LockLost, LockSession
from pc_worker.services.push.push import log_end, ready_row, sender_of
from pc_worker.store.db.connection import Database
from pc_worker.store.ledger.letter_filter import LetterFilter
from pc_worker.store.log.push_log import LogEnd, read_row
from pc_worker.store.log.push_state import (
    PushRejection,
    StoredPushRejection,
    delete_rejections,
    drop_rejections,
    list_rejections,
    push_lock,
    read_checkpoint,
    record_rejections,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PushedAgain:
    """The result of a repeated push of one row; ``reason`` is None if the server accepted it."""

    rejection: StoredPushRejection
    reason: str | None


def list_rejected(database: Database, wanted: LetterFilter) -> list[StoredPushRejection]:
    """Return the push rejections that match."""
    with database.transaction() as cursor:
        return list_rejections(cursor, wanted)


def drop_rejected(database: Database, wanted: LetterFilter) -> int:
    """Drop push rejections; return how many. Their rows stay stored, and are not sent again until they change."""
    with database.transaction() as cursor:
        return drop_rejections(cursor, wanted)


def retry_rejected(
    database: Database, wanted: LetterFilter, *, servers: Sequence[str], limits: PushLimits | None = None
) -> Iterator[PushedAgain]:
    """Send rejected rows again, each alone and in its present version; a row rejected again stays, with its new reason.

    Raises:
        Unavailable: If a batch server does not answer, accepts no row at all, or another push to it is running; the
            rows of the other servers have been sent then.
    """
    away: Unavailable | None = None
    for (domain, address), group in groupby(list_rejected(database, wanted), lambda r: (r.domain, r.address)):
        if address not in servers:
            reason = f"{address} is no longer among PC_WORKER_BATCH_SERVERS"
            yield from (PushedAgain(rejection=rejection, reason=reason) for rejection in group)
            continue
        try:
            yield from _retry(database, stock_table(domain), address, list(group), limits or PushLimits())
        except Unavailable as exc:
            away = away or exc
    if away is not None:
        raise away


def _retry(
    database: Database, table: StockTable, address: str, rejections: Sequence[StoredPushRejection], limits: PushLimits
) -> Iterator[PushedAgain]:
    from pc_worker.push import BatchServer  # with gRPC, which most tasks do not need

    with push_lock(database, table.domain, address) as alone, BatchServer(address) as server:
        if not alone:
            raise Unavailable(f"a push of {table.domain} to {address} is running: try again when it has ended")
        with database.transaction() as cursor:
            end = log_end(cursor, table)
            checkpoint = 0 if end is None else read_checkpoint(cursor, table.domain, address, end.epoch)
        if end is None:
            return
        session = LockSession(database)
        sender = sender_of(database, session, table, server, end, checkpoint=checkpoint, limits=limits)
        for rejection in rejections:
            yield PushedAgain(rejection=rejection, reason=_send(database, session, table, end, sender, rejection))


def _send(
    database: Database,
    session: LockSession,
    table: StockTable,
    end: LogEnd,
    sender: Sender,
    rejection: StoredPushRejection,
) -> str | None:
    with database.transaction() as cursor:
        logged = read_row(cursor, table.domain, row_id=rejection.row_id, end=end)
    if logged is None:
        return None
    try:
        with session.sending(table.domain, rejection.address, end.epoch, after=logged.position - 1):
            (reason,) = sender.send([ready_row(table, logged)])
    except UnfitValue as fault:
        reason = str(fault)
    except LockLost as exc:
        raise Unavailable(f"the connection to PostgreSQL was lost: {exc}") from exc
    with database.transaction() as cursor:
        if reason is None:
            delete_rejections(cursor, table.domain, rejection.address, [rejection.row_id])
        else:
            again = PushRejection(row_id=rejection.row_id, position=logged.position, reason=reason)
            record_rejections(cursor, table.domain, rejection.address, [again])
    return reason
