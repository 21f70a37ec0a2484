"""Row ids: a UUID key is the id itself; any other key gets a UUIDv7 once, stored per (domain, scope, key)."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from uuid import UUID

from pc_worker.model import read_uuid
from pc_worker.store.db.connection import Cursor, is_storable
from pc_worker.store.db.look_ups import is_partitioned

# Sorted, so that two concurrent transactions take their locks in the same order.
INSERT = """
INSERT INTO identities (domain, scope, key, row_id)
SELECT %s, %s, key, row_id FROM unnest(%s::text[], %s::uuid[]) AS new (key, row_id) ORDER BY key
ON CONFLICT DO NOTHING RETURNING key, row_id
"""
SELECT = "SELECT key, row_id FROM identities WHERE domain = %(domain)s AND scope = %(scope)s AND key = ANY (%(keys)s)"
SELECT_IN_PARTS = """
SELECT i.key, i.row_id FROM unnest(%(keys)s::text[]) AS s (key) CROSS JOIN LATERAL (
    SELECT key, row_id FROM identities WHERE domain = %(domain)s AND scope = %(scope)s AND key = s.key LIMIT 1) AS i
"""
SELECT_BY_NAME = """
SELECT key, row_id FROM rows WHERE domain = %(domain)s AND key = ANY (%(names)s)
UNION SELECT row_id::text, row_id FROM rows WHERE domain = %(domain)s AND row_id::text = ANY (%(names)s)
"""


def uuid7(*, now_ms: int | None = None) -> UUID:
    """Make a UUIDv7 (RFC 9562): 48 bits of milliseconds, then random bits."""
    milliseconds = time.time_ns() // 1_000_000 if now_ms is None else now_ms
    random_bits = int.from_bytes(os.urandom(10), "big")
    value = (milliseconds & (1 << 48) - 1) << 80
    value |= 0x7 << 76 | (random_bits >> 64 & 0xFFF) << 64
    value |= 0b10 << 62 | random_bits & (1 << 62) - 1
    return UUID(int=value)


def known_row_ids(cursor: Cursor, domain: str, scope: str, keys: Sequence[str]) -> dict[str, UUID]:
    """Return the row id of each key that has one; change nothing. A key that cannot be stored has none."""
    ids = {key: known for key in keys if (known := read_uuid(key)) is not None}
    others = sorted({key for key in keys if key not in ids and is_storable(key)})
    return ids | _stored(cursor, domain, scope, others) if others else ids


def row_ids(cursor: Cursor, domain: str, scope: str, keys: Sequence[str]) -> dict[str, UUID]:
    """Return the row id of each key; make and store the ids of new keys."""
    ids = known_row_ids(cursor, domain, scope, keys)
    missing = sorted({key for key in keys if key not in ids})
    if missing:
        cursor.execute(INSERT, (domain, scope, missing, [str(uuid7()) for _ in missing]))
        ids |= _read_ids(cursor)
        taken = [key for key in missing if key not in ids]
        if taken:  # another transaction made some of them first
            ids |= _stored(cursor, domain, scope, taken)
    return ids


def _stored(cursor: Cursor, domain: str, scope: str, keys: Sequence[str]) -> dict[str, UUID]:
    statement = SELECT_IN_PARTS if is_partitioned(cursor, domain) else SELECT
    cursor.execute(statement, {"domain": domain, "scope": scope, "keys": list(keys)})
    return _read_ids(cursor)


def _read_ids(cursor: Cursor) -> dict[str, UUID]:
    return {key: UUID(row_id) for key, row_id in cursor.fetchall()}


def row_ids_by_name(cursor: Cursor, domain: str, names: Sequence[str]) -> dict[str, list[str]]:
    """Return the ids of the rows that each name, a key or a UUID, refers to; every source may have a row of a key."""
    cursor.execute(SELECT_BY_NAME, {"domain": domain, "names": list(names)})
    found: dict[str, list[str]] = {}
    for name, row_id in cursor.fetchall():
        found.setdefault(name, []).append(row_id)
    return found
