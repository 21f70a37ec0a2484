"""A second model beside the active one: which rows lack its vectors, and the switch that delivers all rows anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

from pc_worker.model import PassageVector
from pc_worker.store.db import copy
from pc_worker.store.db.connection import Cursor
from pc_worker.store.models.oversize import REFUSED, move_terms

LACKS = f"""
NOT EXISTS (SELECT 1 FROM embeddings e
            WHERE e.domain = r.domain AND e.row_id = r.row_id AND e.model_id = %(model_id)s) AND NOT {REFUSED}
"""
LACKING = f"""
SELECT r.row_id, r.text, r.content_hash, octet_length(r.wire) FROM rows r
WHERE r.domain = %(domain)s AND r.row_id > %(after)s::uuid AND {LACKS}
ORDER BY r.row_id LIMIT %(limit)s
"""
COUNT_LACKING = f"SELECT count(*), count(*) FILTER (WHERE {LACKS}) FROM rows r WHERE r.domain = %(domain)s"
STAGE = """
CREATE TEMP TABLE IF NOT EXISTS stage_backfill (
    row_id uuid, content_hash bytea, passage smallint, start_char integer, end_char integer, text_hash bytea,
    vector vector
) ON COMMIT DELETE ROWS
"""
COLUMNS = ("row_id", "content_hash", "passage", "start_char", "end_char", "text_hash", "vector")
# A row that changed since its text was read is left out: its vectors would be of the old text.
INSERT = """
WITH unchanged AS (
    SELECT DISTINCT r.row_id FROM rows r JOIN stage_backfill s USING (row_id, content_hash)
    WHERE r.domain = %(domain)s
), locked AS (
    SELECT row_id FROM rows WHERE domain = %(domain)s AND row_id IN (SELECT row_id FROM unchanged)
    ORDER BY row_id FOR SHARE
)
INSERT INTO embeddings (domain, row_id, model_id, passage, dimension, start_char, end_char, text_hash, vector)
SELECT %(domain)s, s.row_id, %(model_id)s, s.passage, vector_dims(s.vector), s.start_char, s.end_char, s.text_hash,
       s.vector
FROM stage_backfill s JOIN locked USING (row_id) ORDER BY s.row_id, s.passage
ON CONFLICT DO NOTHING
"""
LOCK_DOMAIN = "SELECT head, model_id FROM domains WHERE domain = %s FOR UPDATE"
SWITCH = "UPDATE domains SET model_id = %s, epoch = %s, head = head + %s WHERE domain = %s"
# Every row again, in its present order; the old entries stay for those who are still reading them. A row that is too
# large under this model gets a tombstone instead; one that was too large under the model before comes back.
RELOG = f"""
WITH live AS MATERIALIZED (
    SELECT l.row_id, l.position, l.first_position, {REFUSED} AS refused,
           row_number() OVER (ORDER BY l.position) AS ordinal
    FROM log l JOIN rows r USING (domain, row_id)
    WHERE l.domain = %(domain)s AND l.superseded_by IS NULL AND (l.kind = 0 OR NOT {REFUSED})
), superseded AS (
    UPDATE log SET superseded_by = %(base)s + live.ordinal
    FROM live WHERE log.domain = %(domain)s AND log.position = live.position
)
INSERT INTO log (domain, position, row_id, kind, first_position)
SELECT %(domain)s, %(base)s + ordinal, row_id, refused::integer, first_position FROM live ORDER BY ordinal
"""
OLD_BATCHES = "UPDATE log_batches SET intact = false WHERE domain = %s AND intact"
NEW_BATCHES = """
INSERT INTO log_batches (domain, first_position, last_position, epoch, nonce, model_id)
SELECT %(domain)s, first, least(first + 299, %(head)s), %(epoch)s, (random() * 9e18)::bigint, %(model_id)s
FROM generate_series(%(base)s + 1, %(head)s, 300) AS first
"""
# Whoever drops a model's vectors and whoever switches to it take turns; writers of vectors do not mind.
LOCK_MODEL = "SELECT 1 FROM models WHERE model_id = %s FOR NO KEY UPDATE"
USERS = "SELECT domain FROM domains WHERE model_id = %s ORDER BY domain"
RETIRE = """
UPDATE models SET retired_at = CASE WHEN model_id = %(old)s THEN now() END WHERE model_id IN (%(old)s, %(new)s)
"""
WANTED = "UPDATE models SET retired_at = NULL WHERE model_id = %s AND retired_at IS NOT NULL"
RETIRED = """
SELECT model_id FROM models m
WHERE retired_at < now() - make_interval(secs => %s)
  AND NOT EXISTS (SELECT FROM domains d WHERE d.model_id = m.model_id)
ORDER BY model_id
"""
DROP = """
DELETE FROM embeddings WHERE model_id = %(model_id)s AND (domain, row_id) IN (
    SELECT domain, row_id FROM embeddings WHERE model_id = %(model_id)s LIMIT %(limit)s)
"""


@dataclass(frozen=True, slots=True)
class LackingRow:
    """A row without vectors of a model, its bytes on the wire as it is; ``content_hash`` tells later if it changed."""

    row_id: UUID
    text: str
    content_hash: bytes
    wire_bytes: int


def rows_lacking(cursor: Cursor, domain: str, model_id: int, *, after: UUID, limit: int) -> list[LackingRow]:
    """Give rows beyond ``after``, by id, that have no vector of the model."""
    values = {"domain": domain, "model_id": model_id, "after": str(after), "limit": limit}
    cursor.execute(LACKING, values)
    return [
        LackingRow(UUID(row_id), text or "", bytes(content_hash), wire_bytes)
        for row_id, text, content_hash, wire_bytes in cursor.fetchall()
    ]


def count_rows(cursor: Cursor, domain: str, model_id: int) -> tuple[int, int]:
    """Give the domain's rows, and how many of them lack vectors of the model without being too large for it."""
    cursor.execute(COUNT_LACKING, {"domain": domain, "model_id": model_id})
    total, lacking = cursor.fetchone() or (0, 0)
    return total, lacking


def add_vectors(
    cursor: Cursor, domain: str, model_id: int, made: Sequence[tuple[LackingRow, Sequence[PassageVector]]]
) -> None:
    """Store vectors beside those of other models; rows that changed since they were read are left out."""
    cursor.execute(STAGE)
    copy.copy_rows(
        cursor,
        "stage_backfill",
        COLUMNS,
        (
            (
                copy.uuid(row.row_id),
                row.content_hash,
                copy.int2(number),
                copy.int4(passage.start),
                copy.int4(passage.end),
                passage.text_hash,
                copy.vector(passage.vector),
            )
            for row, passages in made
            for number, passage in enumerate(passages)
        ),
    )
    cursor.execute(INSERT, {"domain": domain, "model_id": model_id})


def lock_domain(cursor: Cursor, domain: str) -> int:
    """Hold every writer of the domain until the transaction ends, and give its active model."""
    cursor.execute(LOCK_DOMAIN, (domain,))
    _, model_id = cursor.fetchone() or (0, 0)
    return int(model_id)


def switch_model(cursor: Cursor, domain: str, model_id: int) -> int:
    """Make the model active and begin a new epoch in which every row is delivered anew; gives how many rows.

    The domain must be locked, and every row must have the model's vectors or be noted as too large for it: such a one
    leaves the log, and the searches, until another switch.
    """
    cursor.execute("SELECT model_id FROM domains WHERE domain = %s", (domain,))
    (former,) = cursor.fetchone() or (0,)
    rows = relog(cursor, domain, model_id)
    cursor.execute(RETIRE, {"old": former, "new": model_id})
    move_terms(cursor, domain, model_id)
    return rows


def relog(cursor: Cursor, domain: str, model_id: int) -> int:
    """Log every row anew, under the model, in a new epoch; gives how many. The domain must be locked."""
    cursor.execute("SELECT head FROM domains WHERE domain = %s", (domain,))
    (base,) = cursor.fetchone() or (0,)
    cursor.execute(RELOG, {"domain": domain, "base": base, "model_id": model_id})
    entries, epoch = cursor.rowcount, str(uuid4())
    cursor.execute(OLD_BATCHES, (domain,))
    cursor.execute(
        NEW_BATCHES, {"domain": domain, "base": base, "head": base + entries, "epoch": epoch, "model_id": model_id}
    )
    cursor.execute(SWITCH, (model_id, epoch, entries, domain))
    cursor.execute("SELECT pg_notify('pcw_log', %s)", (domain,))
    cursor.execute("SELECT count(*) FROM log WHERE domain = %s AND position > %s AND kind = 0", (domain, base))
    return int((cursor.fetchone() or (0,))[0])


def lock_model(cursor: Cursor, model_id: int) -> list[str]:
    """Keep a model from being switched to or dropped by others until the transaction ends; gives its domains."""
    cursor.execute(LOCK_MODEL, (model_id,))
    cursor.execute(USERS, (model_id,))  # a statement of its own: it sees what was committed while we waited
    return [domain for (domain,) in cursor.fetchall()]


def retired_models(cursor: Cursor, *, older_than_s: float) -> list[int]:
    """Give models that no domain has used for so long; never one that was not active yet: it may be being filled."""
    cursor.execute(RETIRED, (older_than_s,))
    return [model_id for (model_id,) in cursor.fetchall()]


def unretire_model(cursor: Cursor, model_id: int) -> None:
    """Note that a model is no longer retired: it is being filled anew, or has nothing left to drop."""
    cursor.execute(WANTED, (model_id,))


def drop_vectors(cursor: Cursor, model_id: int, *, limit: int) -> int:
    """Delete some vectors of a model; gives how many went."""
    cursor.execute(DROP, {"model_id": model_id, "limit": limit})
    return cursor.rowcount
