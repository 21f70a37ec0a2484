"""Rows that a batch server does not take: list them, send them again as they are now, or give them up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from pc_worker.errors import Unavailable
from pc_worker.push import BatchServer, PushLimits, Sender, StockTable, UnfitValue, stock_table
from pc_worker.services.push.push import log_end, ready_row, sender_of
from pc_worker.store.db.connection import Database
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
    """What became of a refusal; ``reason`` is None when the server took the row."""

    refusal: StoredPushRejection
    reason: str | None


def list_refused(database: Database, job_id: str | None) -> list[StoredPushRejection]:
    """Give all refusals, or those of rows that one job wrote."""
    with database.transaction() as cursor:
        return list_rejections(cursor, job_id)


def drop_refused(database: Database, job_id: str | None) -> int:
    """Give refusals up, gives how many; their rows stay stored here, and are not sent again until they change."""
    with database.transaction() as cursor:
        return drop_rejections(cursor, job_id)


def retry_refused(
    database: Database, job_id: str | None, *, servers: Sequence[str], limits: PushLimits | None = None
) -> list[PushedAgain]:
    """Send refused rows again, each alone and as it is now; what is refused again stays with its new reason.

    Raises:
        Unavailable: If a batch server does not answer, takes nothing at all, or is being pushed to at this moment.
    """
    results: list[PushedAgain] = []
    for (domain, address), group in groupby(list_refused(database, job_id), lambda r: (r.domain, r.address)):
        if address in servers:
            results += _retry(database, stock_table(domain), address, list(group), limits or PushLimits())
        else:
            reason = f"{address} is no longer among PC_WORKER_BATCH_SERVERS"
            results += [PushedAgain(refusal=refusal, reason=reason) for refusal in group]
    return results


def _retry(
    database: Database, table: StockTable, address: str, refusals: Sequence[StoredPushRejection], limits: PushLimits
) -> list[PushedAgain]:
    with push_lock(database, table.domain, address) as alone, BatchServer(address) as server:
        if not alone:
            raise Unavailable(f"a push of {table.domain} to {address} is at work: try again when it has ended")
        with database.transaction() as cursor:
            end = log_end(cursor, table)
            checkpoint = 0 if end is None else read_checkpoint(cursor, table.domain, address, end.epoch)
        if end is None:
            return []
        sender = sender_of(database, table, server, end, checkpoint=checkpoint, limits=limits)
        return [
            PushedAgain(refusal=refusal, reason=_send(database, table, end, sender, refusal)) for refusal in refusals
        ]


def _send(
    database: Database, table: StockTable, end: LogEnd, sender: Sender, refusal: StoredPushRejection
) -> str | None:
    with database.transaction() as cursor:
        logged = read_row(cursor, table.domain, end, refusal.row_id)
    if logged is None:
        return None
    try:
        (reason,) = sender.send([ready_row(table, logged)])
    except UnfitValue as fault:
        reason = str(fault)
    with database.transaction() as cursor:
        if reason is None:
            delete_rejections(cursor, table.domain, refusal.address, [refusal.row_id])
        else:
            again = PushRejection(row_id=refusal.row_id, position=logged.position, reason=reason)
            record_rejections(cursor, table.domain, refusal.address, [again])
    return reason
