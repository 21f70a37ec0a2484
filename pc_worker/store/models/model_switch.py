"""A second model next to the active one: rows without its vectors, and the switch, which delivers all rows again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

from pc_worker.model import DEFAULT_CHUNK_ROWS, PassageVector
from pc_worker.model.joined import is_joined_name
from pc_worker.store.db import copy
from pc_worker.store.db.connection import Cursor
from pc_worker.store.db.look_ups import by_key
from pc_worker.store.models.oversize import REFUSED, move_terms

LACKS = f"""
NOT EXISTS (SELECT 1 FROM embeddings e
            WHERE e.domain = r.domain AND e.row_id = r.row_id AND e.model_id = %(model_id)s) AND NOT {REFUSED}
"""
LACKING = f"""
SELECT r.row_id, r.text, r.content_hash, octet_length(r.wire) FROM {{rows}} r
WHERE r.domain = %(domain)s AND r.row_id > %(after)s::uuid AND {LACKS}
ORDER BY r.row_id LIMIT %(limit)s
"""
NEXT_ROWS = """(
    SELECT * FROM rows WHERE domain = %(domain)s AND row_id > %(after)s::uuid ORDER BY row_id LIMIT %(within)s)
"""
COUNT_LACKING = f"SELECT count(*), count(*) FILTER (WHERE {LACKS}) FROM rows r WHERE r.domain = %(domain)s"
STAGE = """
CREATE TEMP TABLE IF NOT EXISTS stage_backfill (
    row_id uuid, content_hash bytea, passage smallint, start_char integer, end_char integer, text_hash bytea,
    vector vector
) ON COMMIT DELETE ROWS
"""
COLUMNS = ("row_id", "content_hash", "passage", "start_char", "end_char", "text_hash", "vector")
# A row that changed since its text was read is left out: its vectors would be of the old text. Its content is compared
# after the wait for its lock, with the version that is locked: a condition before it is of the statement's snapshot.
INSERT = """
WITH locked AS (
    SELECT row_id, content_hash FROM rows
    WHERE domain = %(domain)s AND row_id IN (SELECT row_id FROM stage_backfill)
    ORDER BY row_id FOR SHARE
)
INSERT INTO embeddings (domain, row_id, model_id, passage, dimension, start_char, end_char, text_hash, vector)
SELECT %(domain)s, s.row_id, %(model_id)s, s.passage, vector_dims(s.vector), s.start_char, s.end_char, s.text_hash,
       s.vector
FROM stage_backfill s JOIN locked USING (row_id, content_hash) ORDER BY s.row_id, s.passage
ON CONFLICT DO NOTHING
"""
LOCK_DOMAIN = "SELECT head, model_id FROM domains WHERE domain = %s FOR UPDATE"
SWITCH = "UPDATE domains SET model_id = %s, epoch = %s, head = head + %s WHERE domain = %s"
# Append every row again, in its present order; the old entries stay for readers that have not finished. A row that is
# too large under this model gets a tombstone instead; one that was too large only under the previous model returns.
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
SELECT %(domain)s, first, least(first + %(size)s - 1, %(head)s), %(epoch)s, (random() * 9e18)::bigint, %(model_id)s
FROM generate_series(%(base)s + 1, %(head)s, %(size)s) AS first
"""
# One time for all: consumers that start at a time begin before or after all of them.
STAMP = """
UPDATE log_batches SET committed_at = (SELECT clock_timestamp())
WHERE domain = %(domain)s AND epoch = (SELECT epoch FROM domains WHERE domain = %(domain)s)
"""
# Serialises dropping a model's vectors and switching to it; writers of vectors are not blocked.
LOCK_MODEL = "SELECT 1 FROM models WHERE model_id = %s FOR NO KEY UPDATE"
USERS = "SELECT domain FROM domains WHERE model_id = %s AND right(domain, 7) <> '.joined' ORDER BY domain"
RETIRE = """
UPDATE models SET retired_at = CASE WHEN model_id = %(old)s THEN now() END WHERE model_id IN (%(old)s, %(new)s)
"""
UNRETIRE = "UPDATE models SET retired_at = NULL WHERE model_id = %s AND retired_at IS NOT NULL"
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
    """A row without vectors of a model; ``content_hash`` shows later whether it changed, ``wire_bytes`` is its size."""

    row_id: UUID
    text: str
    content_hash: bytes
    wire_bytes: int


def rows_lacking(
    cursor: Cursor, domain: str, model_id: int, *, after: UUID, limit: int, within: int | None = None
) -> list[LackingRow]:
    """Return rows after the id ``after`` that have no vector of the model, in the order of their ids.

    Only the next ``within`` rows are looked at, or all.
    """
    values = {"domain": domain, "model_id": model_id, "after": str(after), "limit": limit, "within": within}
    cursor.execute(LACKING.format(rows="rows" if within is None else NEXT_ROWS), values)
    return [
        LackingRow(UUID(row_id), text or "", bytes(content_hash), wire_bytes)
        for row_id, text, content_hash, wire_bytes in cursor.fetchall()
    ]


def count_lacking(cursor: Cursor, domain: str, model_id: int) -> tuple[int, int]:
    """Return the number of the domain's rows, and of those that lack vectors of the model and are not refused."""
    cursor.execute(COUNT_LACKING, {"domain": domain, "model_id": model_id})
    total, lacking = cursor.fetchone() or (0, 0)
    return total, lacking


def add_vectors(
    cursor: Cursor, domain: str, model_id: int, made: Sequence[tuple[LackingRow, Sequence[PassageVector]]]
) -> None:
    """Store vectors next to those of other models; skip rows that changed since they were read."""
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
    cursor.execute(by_key(cursor, domain, INSERT), {"domain": domain, "model_id": model_id})


def lock_domain(cursor: Cursor, domain: str) -> int:
    """Lock the domain for all writers until the transaction ends, and return its active model."""
    cursor.execute(LOCK_DOMAIN, (domain,))
    _, model_id = cursor.fetchone() or (0, 0)
    return int(model_id)


def switch_model(cursor: Cursor, domain: str, model_id: int) -> int:
    """Make the model active and begin a new epoch in which every row is delivered again; return the number of rows.

    The domain must be locked, and every row must have the model's vectors or be recorded as refused. Refused rows leave
    the log and the search until another switch.
    """
    cursor.execute("SELECT model_id FROM domains WHERE domain = %s", (domain,))
    (former,) = cursor.fetchone() or (0,)
    rows = relog(cursor, domain, model_id)
    cursor.execute(RETIRE, {"old": former, "new": model_id})
    if not is_joined_name(domain):  # a joined passage without a vector is found by its words
        move_terms(cursor, domain, model_id)
    stamp_epoch(cursor, domain)
    return rows


def stamp_epoch(cursor: Cursor, domain: str) -> None:
    """Let the batches of an epoch that this transaction began be of now, shortly before its commit."""
    cursor.execute(STAMP, {"domain": domain})


def relog(cursor: Cursor, domain: str, model_id: int) -> int:
    """Append every row again, under the model, in a new epoch; return how many. The domain must be locked."""
    cursor.execute("SELECT head FROM domains WHERE domain = %s", (domain,))
    (base,) = cursor.fetchone() or (0,)
    cursor.execute(RELOG, {"domain": domain, "base": base, "model_id": model_id})
    entries, epoch = cursor.rowcount, str(uuid4())
    cursor.execute(OLD_BATCHES, (domain,))
    batches = {"domain": domain, "base": base, "head": base + entries, "epoch": epoch, "model_id": model_id}
    cursor.execute(NEW_BATCHES, batches | {"size": DEFAULT_CHUNK_ROWS})
    cursor.execute(SWITCH, (model_id, epoch, entries, domain))
    cursor.execute("SELECT pg_notify('pcw_log', %s)", (domain,))
    cursor.execute("SELECT count(*) FROM log WHERE domain = %s AND position > %s AND kind = 0", (domain, base))
    return int((cursor.fetchone() or (0,))[0])


def lock_model(cursor: Cursor, model_id: int) -> list[str]:
    """Prevent others from switching to the model or dropping it until the transaction ends; return its domains."""
    cursor.execute(LOCK_MODEL, (model_id,))
    cursor.execute(USERS, (model_id,))  # a separate statement: it sees what was committed during the wait
    return [domain for (domain,) in cursor.fetchall()]


def retired_models(cursor: Cursor, *, older_than_s: float) -> list[int]:
    """Return models that no domain has used for this long; never one that was not active yet."""
    cursor.execute(RETIRED, (older_than_s,))
    return [model_id for (model_id,) in cursor.fetchall()]


def unretire_model(cursor: Cursor, model_id: int) -> None:
    """Mark a model as not retired: it is filled again, or nothing is left to drop."""
    cursor.execute(UNRETIRE, (model_id,))


def drop_vectors(cursor: Cursor, model_id: int, *, limit: int) -> int:
    """Delete at most ``limit`` vectors of a model and the others of the same rows; return how many."""
    cursor.execute(DROP, {"model_id": model_id, "limit": limit})
    return cursor.rowcount
