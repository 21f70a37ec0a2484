"""Append row versions and tombstones to the delivery log."""

from __future__ import annotations

import secrets
import struct
from collections.abc import Sequence
from itertools import count
from uuid import UUID

from pc_worker.errors import ModelSwitched
from pc_worker.model import LogBatch
from pc_worker.store.db import copy
from pc_worker.store.db.connection import Cursor, uuid_array
from pc_worker.store.db.look_ups import by_key

# Only under the model that the rows were embedded with: a switch that happened meanwhile must not be undone.
TAKE_POSITIONS = """
UPDATE domains d SET head = head + %s WHERE domain = %s AND model_id = %s
RETURNING head, epoch, (SELECT key FROM queue_keys k WHERE k.domain = d.domain AND k.epoch = d.epoch)
"""
# One look-up per row, even if the planner underestimates the log: LIMIT prevents a scan of the whole domain.
NEWEST = """
SELECT s.ordinal, l.position, l.first_position
FROM unnest(%(ids)s::uuid[]) WITH ORDINALITY AS s (row_id, ordinal) CROSS JOIN LATERAL (
    SELECT position, first_position FROM log
    WHERE domain = %(domain)s AND row_id = s.row_id AND superseded_by IS NULL LIMIT 1) AS l
"""
SUPERSEDE = """
WITH old AS MATERIALIZED (
    SELECT * FROM unnest(%(positions)s::bigint[], %(successors)s::bigint[]) AS o (position, successor)
), stale AS (
    UPDATE log_batches b SET intact = false
    WHERE b.domain = %(domain)s AND b.intact AND b.first_position IN (
        SELECT (SELECT max(first_position) FROM log_batches
                WHERE domain = %(domain)s AND first_position <= old.position) FROM old)
)
UPDATE log SET superseded_by = old.successor
FROM old WHERE log.domain = %(domain)s AND log.position = old.position
"""
LOG_COLUMNS = ("domain", "kind", "position", "row_id", "first_position")
#: Fields of fixed size, each with its size: position, row_id, first_position.
ENTRY = struct.Struct(">iq i16s iq")
# One statement, because the domain's head is locked meanwhile.
ADD_BATCH = """
WITH added AS (
    INSERT INTO log_batches (domain, first_position, last_position, epoch, nonce, job_id, model_id)
    VALUES (%(domain)s, %(first)s, %(last)s, %(epoch)s, %(nonce)s, %(job_id)s, %(model_id)s)
)
SELECT pg_notify('pcw_log', %(domain)s)
"""


def append_log(
    cursor: Cursor, *, domain: str, ids: Sequence[UUID], job_id: str | None, model_id: int, tombstones: bool = False
) -> LogBatch | None:
    """Append entries of these rows at the next positions of their domain, in order, and notify the readers.

    Call it last in a transaction: it locks the domain's head until the commit, so that positions have no gaps and are
    committed in order. Returns None if there are no rows.

    Raises:
        ModelSwitched: If the domain's model is no longer the one that the rows are embedded with.
    """
    if not ids:
        return None
    cursor.execute(TAKE_POSITIONS, (len(ids), domain, model_id))
    taken = cursor.fetchone()
    if taken is None:
        raise ModelSwitched(f"{domain} has another model now")
    head, epoch, key = taken
    base = head - len(ids)
    _append(cursor, domain, ids, base, kind=int(tombstones))
    nonce = secrets.randbits(63)
    batch = {"domain": domain, "first": base + 1, "last": head, "epoch": epoch, "nonce": nonce}
    cursor.execute(ADD_BATCH, batch | {"job_id": job_id, "model_id": model_id})
    queue_key = None if key is None else bytes(key)
    return LogBatch(epoch=UUID(epoch), nonce=nonce, first=base + 1, last=head, queue_key=queue_key)


def _append(cursor: Cursor, domain: str, ids: Sequence[UUID], base: int, *, kind: int) -> None:
    """Add the entries after ``base``; mark each row's previous entry as superseded and keep its first position."""
    cursor.execute(NEWEST, {"domain": domain, "ids": uuid_array(ids)})
    newest = cursor.fetchall()
    firsts = list(range(base + 1, base + 1 + len(ids)))
    for ordinal, _, first in newest:
        firsts[ordinal - 1] = first
    if newest:
        positions, successors = [row[1] for row in newest], [base + row[0] for row in newest]
        values = {"domain": domain, "positions": positions, "successors": successors}
        cursor.execute(by_key(cursor, domain, SUPERSEDE), values)
    entries = (
        ENTRY.pack(8, position, 16, row_id.bytes, 8, first)
        for position, row_id, first in zip(count(base + 1), ids, firsts, strict=False)
    )
    copy.copy_encoded(cursor, "log", LOG_COLUMNS, entries, equal=(copy.text(domain), copy.int2(kind)))
