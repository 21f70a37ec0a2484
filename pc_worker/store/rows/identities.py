"""Row ids: a valid UUID key is the id; any other key gets a UUIDv7 once, remembered per (domain, scope, key)."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from uuid import UUID

from pc_worker.model import read_uuid
from pc_worker.store.db.connection import Cursor

# Sorted, so that two transactions that meet take their locks in the same order.
REMEMBER = """
INSERT INTO identities (domain, scope, key, row_id)
SELECT %s, %s, key, row_id FROM unnest(%s::text[], %s::uuid[]) AS new (key, row_id) ORDER BY key
ON CONFLICT DO NOTHING
"""
RECALL = "SELECT key, row_id FROM identities WHERE domain = %s AND scope = %s AND key = ANY (%s)"


def uuid7(*, now_ms: int | None = None) -> UUID:
    """Make a UUIDv7 (RFC 9562): 48 bits of milliseconds, then random bits."""
    milliseconds = time.time_ns() // 1_000_000 if now_ms is None else now_ms
    random_bits = int.from_bytes(os.urandom(10), "big")
    value = (milliseconds & (1 << 48) - 1) << 80
    value |= 0x7 << 76 | (random_bits >> 64 & 0xFFF) << 64
    value |= 0b10 << 62 | random_bits & (1 << 62) - 1
    return UUID(int=value)


def known_row_ids(cursor: Cursor, domain: str, scope: str, keys: Sequence[str]) -> dict[str, UUID]:
    """Give the row id of each key that has one; changes nothing."""
    ids = {key: known for key in keys if (known := read_uuid(key)) is not None}
    others = sorted({key for key in keys if key not in ids})
    if not others:
        return ids
    cursor.execute(RECALL, (domain, scope, others))
    return ids | {key: UUID(row_id) for key, row_id in cursor.fetchall()}


def row_ids(cursor: Cursor, domain: str, scope: str, keys: Sequence[str]) -> dict[str, UUID]:
    """Give the row id of each key, making and remembering those that are new."""
    ids = {key: known for key in keys if (known := read_uuid(key)) is not None}
    others = sorted({key for key in keys if key not in ids})
    if not others:
        return ids
    cursor.execute(RECALL, (domain, scope, others))
    ids.update((key, UUID(row_id)) for key, row_id in cursor.fetchall())
    missing = [key for key in others if key not in ids]
    if missing:
        cursor.execute(REMEMBER, (domain, scope, missing, [str(uuid7()) for _ in missing]))
        cursor.execute(RECALL, (domain, scope, missing))
        ids.update((key, UUID(row_id)) for key, row_id in cursor.fetchall())
    return ids
