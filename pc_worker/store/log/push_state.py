"""State of the push to batch servers: the checkpoint of each server, the lock of a push, and rejected rows."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from pc_worker.errors import Unavailable
from pc_worker.store.db.advisory_locks import lock_key
from pc_worker.store.db.connection import Cursor, Database
from pc_worker.store.ledger.letter_filter import LetterFilter, filter_sql

#: Key of a session lock, which the server releases when the connection of a killed push closes.
LOCK_KEY = lock_key("'push:' || %s || ':' || %s")
LOCK = f"SELECT pg_try_advisory_lock({LOCK_KEY})"
UNLOCK = f"SELECT pg_advisory_unlock({LOCK_KEY})"
READ_CHECKPOINT = "SELECT position FROM push_checkpoints WHERE domain = %s AND address = %s AND epoch = %s"
# Only from where this push began: one that was rewound meanwhile stays.
MOVE_CHECKPOINT = """
INSERT INTO push_checkpoints AS c (domain, address, epoch, position)
VALUES (%(domain)s, %(address)s, %(epoch)s, %(position)s)
ON CONFLICT (domain, address) DO UPDATE
SET epoch = excluded.epoch, position = excluded.position, updated_at = clock_timestamp()
WHERE c.epoch <> excluded.epoch OR c.position = %(before)s
RETURNING position
"""
REWIND_CHECKPOINT = """
UPDATE push_checkpoints SET position = %(position)s, updated_at = clock_timestamp()
WHERE domain = %(domain)s AND address = %(address)s AND epoch = %(epoch)s AND position > %(position)s
"""
SESSION = "SELECT pg_backend_pid()"
# Joined with `rows`: a row that was deleted meanwhile leaves no rejection.
RECORD = """
INSERT INTO push_refusals (domain, row_id, address, position, job_id, reason)
SELECT r.domain, r.row_id, %(address)s, n.position, (
           SELECT b.job_id FROM log_batches b WHERE b.domain = r.domain AND b.first_position <= n.position
           ORDER BY b.first_position DESC LIMIT 1), n.reason
FROM unnest(%(ids)s::uuid[], %(positions)s::bigint[], %(reasons)s::text[]) AS n (row_id, position, reason)
JOIN rows r ON r.domain = %(domain)s AND r.row_id = n.row_id
ORDER BY r.row_id FOR KEY SHARE OF r
ON CONFLICT (domain, row_id, address) DO UPDATE
SET position = excluded.position, job_id = excluded.job_id, reason = excluded.reason, refused_at = clock_timestamp()
"""
DELETE = "DELETE FROM push_refusals WHERE domain = %s AND address = %s AND row_id = ANY (%s::uuid[])"
#: A rejection's reason names the server, as the list of all refused rows shows it.
MATCHES = filter_sql(
    job="p.job_id", domain="p.domain", at="p.refused_at", reason="('batch server ' || p.address || ': ' || p.reason)"
)
LIST = f"""
SELECT p.domain, p.row_id::text, p.address, p.position, p.job_id, p.reason, p.refused_at
FROM push_refusals p WHERE {MATCHES} ORDER BY p.domain, p.address, p.position
"""
DROP = f"DELETE FROM push_refusals p WHERE {MATCHES}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PushRejection:
    """A row that a server did not accept, and the reason."""

    row_id: str
    position: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPushRejection:
    """A stored rejection; ``job_id`` wrote the rejected version."""

    domain: str
    row_id: str
    address: str
    position: int
    job_id: str | None
    reason: str
    refused_at: datetime


@contextmanager
def push_lock(database: Database, domain: str, address: str) -> Iterator[bool]:
    """Hold the lock of the push of a domain to an address; yield False if another session holds it."""
    with database.transaction() as cursor:
        cursor.execute(LOCK, (domain, address))
        (alone,) = cursor.fetchone() or (False,)
    try:
        yield bool(alone)
    finally:
        if alone:
            # If the connection is lost, the server has released the lock already.
            with suppress(Unavailable), database.transaction() as cursor:
                cursor.execute(UNLOCK, (domain, address))


def read_checkpoint(cursor: Cursor, domain: str, address: str, epoch: UUID) -> int:
    """Return the position up to which the server has acknowledged this epoch of the log; 0 = none yet."""
    cursor.execute(READ_CHECKPOINT, (domain, address, str(epoch)))
    row = cursor.fetchone()
    return 0 if row is None else int(row[0])


def move_checkpoint(cursor: Cursor, domain: str, address: str, epoch: UUID, position: int, *, before: int = 0) -> bool:
    """Record that the server has acknowledged everything up to ``position``; return False if it was rewound meanwhile.

    ``before``: where the checkpoint was when these rows were read.
    """
    values = {"domain": domain, "address": address, "epoch": str(epoch), "position": position, "before": before}
    cursor.execute(MOVE_CHECKPOINT, values)
    return cursor.fetchone() is not None


def rewind_checkpoint(cursor: Cursor, domain: str, address: str, epoch: UUID, position: int) -> None:
    """Let everything after ``position`` be sent again; no effect on a checkpoint that is before it."""
    values = {"domain": domain, "address": address, "epoch": str(epoch), "position": position}
    cursor.execute(REWIND_CHECKPOINT, values)


def session_of(cursor: Cursor) -> int:
    """Return the number of the server process of this session."""
    cursor.execute(SESSION)
    (pid,) = cursor.fetchone() or (0,)
    return int(pid)


def record_rejections(cursor: Cursor, domain: str, address: str, rejections: Sequence[PushRejection]) -> None:
    """Store rejected rows with their reasons; a repeated rejection replaces the reason."""
    if rejections:
        values = {
            "domain": domain,
            "address": address,
            "ids": [rejection.row_id for rejection in rejections],
            "positions": [rejection.position for rejection in rejections],
            "reasons": [rejection.reason for rejection in rejections],
        }
        cursor.execute(RECORD, values)


def delete_rejections(cursor: Cursor, domain: str, address: str, row_ids: Collection[str]) -> None:
    """Delete the rejections of rows that the server has accepted since."""
    if row_ids:
        cursor.execute(DELETE, (domain, address, list(row_ids)))


def list_rejections(cursor: Cursor, wanted: LetterFilter) -> list[StoredPushRejection]:
    """Return the rejections that match, in log order."""
    cursor.execute(LIST, wanted.parameters)
    names = ("domain", "row_id", "address", "position", "job_id", "reason", "refused_at")
    return [StoredPushRejection(**dict(zip(names, row, strict=True))) for row in cursor.fetchall()]


def drop_rejections(cursor: Cursor, wanted: LetterFilter) -> int:
    """Delete the rejections that match; return how many. Their rows are sent again when they change."""
    cursor.execute(DROP, wanted.parameters)
    return cursor.rowcount
