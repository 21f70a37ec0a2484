"""Rows that a batch server does not take, kept with the reason until it does."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from pc_worker.store.db.connection import Cursor

# Through `rows`: a row that was forgotten meanwhile leaves no refusal.
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
FORGET = "DELETE FROM push_refusals WHERE domain = %s AND address = %s AND row_id = ANY (%s::uuid[])"
LIST = """
SELECT p.domain, p.row_id::text, p.address, p.position, p.job_id, p.reason, r.payload::text, p.refused_at
FROM push_refusals p JOIN rows r USING (domain, row_id)
WHERE %s::text IS NULL OR p.job_id = %s ORDER BY p.domain, p.address, p.position
"""
DROP = "DELETE FROM push_refusals WHERE %s::text IS NULL OR job_id = %s"


@dataclass(frozen=True, slots=True, kw_only=True)
class PushRejection:
    """A row that a server does not take, and why."""

    row_id: str
    position: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPushRejection:
    """A refusal as it is kept; ``job_id`` wrote the refused version, ``payload`` is JSON text of the present one."""

    domain: str
    row_id: str
    address: str
    position: int
    job_id: str | None
    reason: str
    payload: str
    refused_at: datetime


def record_rejections(cursor: Cursor, domain: str, address: str, refusals: Sequence[PushRejection]) -> None:
    """Keep refused rows with their reasons; one that is refused again replaces its reason."""
    if refusals:
        values = {
            "domain": domain,
            "address": address,
            "ids": [refusal.row_id for refusal in refusals],
            "positions": [refusal.position for refusal in refusals],
            "reasons": [refusal.reason for refusal in refusals],
        }
        cursor.execute(RECORD, values)


def delete_rejections(cursor: Cursor, domain: str, address: str, row_ids: Collection[str]) -> None:
    """Remove the refusals of rows that the server has taken after all."""
    if row_ids:
        cursor.execute(FORGET, (domain, address, list(row_ids)))


def list_rejections(cursor: Cursor, job_id: str | None = None) -> list[StoredPushRejection]:
    """Give all refusals, or those of rows that one job wrote, in log order."""
    cursor.execute(LIST, (job_id, job_id))
    names = ("domain", "row_id", "address", "position", "job_id", "reason", "payload", "refused_at")
    return [StoredPushRejection(**dict(zip(names, row, strict=True))) for row in cursor.fetchall()]


def drop_rejections(cursor: Cursor, job_id: str | None = None) -> int:
    """Remove all refusals, or those of one job; gives how many. Their rows are not sent again until they change."""
    cursor.execute(DROP, (job_id, job_id))
    return cursor.rowcount
