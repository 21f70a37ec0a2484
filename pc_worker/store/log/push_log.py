"""Read a domain's log for the push: rows in their present version, as payload and vector text."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pc_worker.errors import ContractBroken
from pc_worker.store.db.connection import Cursor
from pc_worker.store.db.look_ups import BY_KEY

END = """
SELECT d.head, d.epoch, d.model_id, m.dimension FROM domains d JOIN models m USING (model_id) WHERE d.domain = %s
"""
FIRST_POSITION = "SELECT first_position FROM log WHERE domain = %s AND row_id = %s LIMIT 1"
# Every read is a short range by primary key, even if a new table's statistics suggest otherwise. For the same reason
# vectors are looked up row by row: OFFSET 0 prevents the planner from turning that into a join.
VECTOR = """
LEFT JOIN LATERAL (
    SELECT e.vector::text FROM embeddings e
    WHERE e.domain = %(domain)s AND e.row_id = d.row_id AND e.model_id = %(model_id)s AND e.passage = 0 OFFSET 0
) v ON true
"""
#: Entries after `after` in a log that ends at `head`; a row's newest entry up to `head` is read with the row as it is
#: now, deleted rows have none. Limited by the size as JSON (13 bytes per number), but at least one row.
WINDOW = f"""
WITH due AS MATERIALIZED (
    SELECT l.position, l.row_id, r.payload::text AS payload
    FROM log l JOIN rows r ON r.domain = l.domain AND r.row_id = l.row_id
    WHERE l.domain = %(domain)s AND l.position > %(after)s AND l.position <= %(head)s AND l.kind = 0
      AND (l.superseded_by IS NULL OR l.superseded_by > %(head)s)
    ORDER BY l.position LIMIT %(max_rows)s
), measured AS MATERIALIZED (
    SELECT due.*, row_number() OVER walk AS nth,
           sum(octet_length(payload) + 13 * %(dimension)s) OVER walk AS total
    FROM due WINDOW walk AS (ORDER BY position ROWS UNBOUNDED PRECEDING)
)
SELECT d.position, d.row_id::text, d.payload, v.vector FROM measured d {VECTOR}
WHERE d.total <= %(max_bytes)s OR d.nth = 1
ORDER BY d.position
"""
NEWEST = f"""
SELECT d.position, d.row_id::text, r.payload::text, v.vector
FROM newest d JOIN rows r ON r.domain = %(domain)s AND r.row_id = d.row_id {VECTOR}
"""
ONE = f"""
WITH newest AS MATERIALIZED (
    SELECT l.position, l.row_id FROM log l
    WHERE l.domain = %(domain)s AND l.row_id = %(row_id)s AND l.kind = 0 AND l.superseded_by IS NULL
) {NEWEST}
"""
#: The newest row up to a checkpoint that its server did not reject and that has not changed since it was sent.
ACCEPTED = f"""
WITH newest AS MATERIALIZED (
    SELECT l.position, l.row_id FROM log l
    WHERE l.domain = %(domain)s AND l.position <= %(position)s AND l.kind = 0 AND l.superseded_by IS NULL
      AND NOT EXISTS (SELECT 1 FROM push_refusals p
                      WHERE p.domain = l.domain AND p.row_id = l.row_id AND p.address = %(address)s)
    ORDER BY l.position DESC LIMIT 1
) {NEWEST}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEnd:
    """The head of a domain's log, its epoch, and the active model with its dimension."""

    head: int
    epoch: UUID
    model_id: int
    dimension: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedPayload:
    """A row at its position in the log: its fields, and its vector as the JSON text that pgvector prints."""

    position: int
    row_id: str
    payload: dict[str, Any]
    vector: str


def read_end(cursor: Cursor, domain: str) -> LogEnd | None:
    """Return the present end of the domain's log; None if it has no log."""
    cursor.execute(END, (domain,))
    row = cursor.fetchone()
    if row is None:
        return None
    return LogEnd(head=row[0], epoch=UUID(row[1]), model_id=row[2], dimension=row[3])


def first_position(cursor: Cursor, domain: str, row_id: UUID) -> int | None:
    """Return the first position that a row, even a deleted one, ever had; None if it is not in the log."""
    cursor.execute(FIRST_POSITION, (domain, str(row_id)))
    row = cursor.fetchone()
    return None if row is None else int(row[0])


def read_window(
    cursor: Cursor, domain: str, end: LogEnd, *, after: int, max_rows: int, max_bytes: int
) -> list[LoggedPayload]:
    """Return the next rows of a log that is read up to ``end``, in order; empty = no more.

    A row that was appended again after the end is returned at its newest position up to the end, as it is now.

    Raises:
        ContractBroken: If a row has no vector of the active model.
    """
    cursor.execute(BY_KEY)
    values = {"domain": domain, "head": end.head, "model_id": end.model_id, "dimension": end.dimension}
    cursor.execute(WINDOW, values | {"after": after, "max_rows": max_rows, "max_bytes": max_bytes})
    return [_logged(*row) for row in cursor.fetchall()]


def read_row(cursor: Cursor, domain: str, *, row_id: str, end: LogEnd) -> LoggedPayload | None:
    """Return a row as it is now; None if it was deleted.

    Raises:
        ContractBroken: If it has no vector of the active model.
    """
    cursor.execute(ONE, {"domain": domain, "model_id": end.model_id, "row_id": row_id})
    row = cursor.fetchone()
    return None if row is None else _logged(*row)


def read_accepted(cursor: Cursor, domain: str, end: LogEnd, *, address: str, position: int) -> LoggedPayload | None:
    """Return a row that the server at ``address`` accepted before its checkpoint; None if none is known."""
    values = {"domain": domain, "model_id": end.model_id, "address": address, "position": position}
    cursor.execute(ACCEPTED, values)
    row = cursor.fetchone()
    return None if row is None else _logged(*row)


def _logged(position: int, row_id: str, payload: str, vector: str | None) -> LoggedPayload:
    if vector is None:
        raise ContractBroken(f"row {row_id} has no vector of the active model: finish the model's switch")
    return LoggedPayload(position=position, row_id=row_id, payload=json.loads(payload), vector=vector)
