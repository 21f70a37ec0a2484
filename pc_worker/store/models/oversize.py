"""Rows that are too large for the wire with a model's vectors, or that the model refuses: not in the log of that model.

A record is valid for one content of its row; it says nothing about a row that has changed since.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from pc_worker.invisible_characters import as_storable
from pc_worker.store.db.connection import Cursor

# Joined with `rows` and locked: a row that was changed or deleted meanwhile is not recorded.
RECORD = """
INSERT INTO model_refusals (domain, row_id, model_id, content_hash, wire_bytes, reason)
SELECT r.domain, r.row_id, %(model_id)s, r.content_hash, n.wire_bytes, n.reason
FROM unnest(%(ids)s::uuid[], %(hashes)s::bytea[], %(sizes)s::bigint[], %(reasons)s::text[])
     AS n (row_id, content_hash, wire_bytes, reason)
JOIN rows r ON r.domain = %(domain)s AND r.row_id = n.row_id AND r.content_hash = n.content_hash
ORDER BY r.row_id FOR SHARE OF r
ON CONFLICT (domain, row_id, model_id)
DO UPDATE SET content_hash = excluded.content_hash, wire_bytes = excluded.wire_bytes, reason = excluded.reason,
    refused_at = now()
"""
DROP_VECTORS = """
DELETE FROM embeddings e USING model_refusals x
WHERE e.domain = %(domain)s AND e.model_id = %(model_id)s AND x.row_id = ANY (%(ids)s::uuid[])
  AND (x.domain, x.row_id, x.model_id) = (e.domain, e.row_id, e.model_id)
"""
#: Whether a row `r` is recorded for the model, with its present content.
REFUSED = """
EXISTS (SELECT FROM model_refusals x WHERE (x.domain, x.row_id) = (r.domain, r.row_id)
        AND x.model_id = %(model_id)s AND x.content_hash = r.content_hash)
"""
COUNT = """
SELECT count(*) FILTER (WHERE x.reason = ''), count(*) FILTER (WHERE x.reason <> '')
FROM model_refusals x JOIN rows r USING (domain, row_id, content_hash)
WHERE x.domain = %(domain)s AND x.model_id = %(model_id)s
"""
# Not of the model that is active: these rows are not in its log, so with vectors they would be found and not delivered.
TRY_AGAIN = """
DELETE FROM model_refusals x WHERE x.domain = ANY (%(domains)s) AND x.model_id = %(model_id)s AND x.reason <> ''
  AND NOT EXISTS (SELECT FROM domains d WHERE d.domain = x.domain AND d.model_id = x.model_id)
"""
# Only rows with many passages or a large message can be too large: one of the two takes half of the limit.
CANDIDATES = """
SELECT r.row_id, r.content_hash, octet_length(r.wire),
       array_agg(e.start_char ORDER BY e.passage), array_agg(e.end_char ORDER BY e.passage)
FROM rows r JOIN embeddings e USING (domain, row_id)
WHERE r.domain = %(domain)s AND e.model_id = %(model_id)s AND r.row_id IN (
    SELECT row_id FROM embeddings WHERE domain = %(domain)s AND model_id = %(model_id)s AND passage >= %(many)s
    UNION SELECT row_id FROM rows WHERE domain = %(domain)s AND octet_length(wire) > %(half)s)
GROUP BY r.domain, r.row_id ORDER BY r.row_id
"""
#: Characters of a reason that are kept.
LONGEST_REASON = 2_000
DELETE_RECORDS = "DELETE FROM model_refusals WHERE model_id = %s"
#: A passage's range, tags and lengths on the wire, at most.
PASSAGE_BYTES = 40
PARK = f"""
WITH refused AS (
    SELECT r.domain, r.row_id, r.content_hash FROM rows r WHERE r.domain = %(domain)s AND {REFUSED}
), gone AS (
    DELETE FROM row_terms t USING refused WHERE (t.domain, t.row_id) = (refused.domain, refused.row_id) RETURNING t.*
)
INSERT INTO parked_terms (domain, row_id, terms, counts, length, rules, content_hash)
SELECT gone.domain, gone.row_id, gone.terms, gone.counts, gone.length, gone.rules, refused.content_hash
FROM gone JOIN refused USING (domain, row_id)
ON CONFLICT (domain, row_id) DO UPDATE SET terms = excluded.terms, counts = excluded.counts,
    length = excluded.length, rules = excluded.rules, content_hash = excluded.content_hash
"""
UNPARK = f"""
WITH back AS (
    DELETE FROM parked_terms p USING rows r
    WHERE p.domain = %(domain)s AND (r.domain, r.row_id) = (p.domain, p.row_id) AND NOT {REFUSED}
    RETURNING p.domain, p.row_id, p.terms, p.counts, p.length, p.rules, p.content_hash = r.content_hash AS same
)
INSERT INTO row_terms (domain, row_id, terms, counts, length, rules)
SELECT domain, row_id, terms, counts, length, rules FROM back WHERE same ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedRow:
    """A row whose message has ``wire_bytes`` with a model's vectors, too many, or why the model refuses its text."""

    row_id: UUID
    content_hash: bytes
    wire_bytes: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TooLargeCandidate:
    """A row that may be too large: its bytes without vectors, and its passages' ranges in characters."""

    row_id: UUID
    content_hash: bytes
    wire_bytes: int
    places: Sequence[tuple[int, int]]


def record_refused(cursor: Cursor, domain: str, model_id: int, rows: Sequence[RefusedRow]) -> None:
    """Record rows that have no place under a model, and delete their stored vectors of that model."""
    if not rows:
        return
    values = {
        "domain": domain,
        "model_id": model_id,
        "ids": [str(row.row_id) for row in rows],
        "hashes": [row.content_hash for row in rows],
        "sizes": [row.wire_bytes for row in rows],
        "reasons": [as_storable(row.reason)[:LONGEST_REASON] for row in rows],
    }
    cursor.execute(RECORD, values)
    cursor.execute(DROP_VECTORS, values)


def count_refused(cursor: Cursor, domain: str, model_id: int) -> tuple[int, int]:
    """Return how many rows, with their present content, are too large for the model, and how many it refuses."""
    cursor.execute(COUNT, {"domain": domain, "model_id": model_id})
    too_large, refused = cursor.fetchone() or (0, 0)
    return too_large, refused


def try_refused_again(cursor: Cursor, domains: Sequence[str], model_id: int) -> None:
    """Let the next backfill encode what the model has refused, as an engine may be configured differently now."""
    cursor.execute(TRY_AGAIN, {"domains": list(domains), "model_id": model_id})


def too_large_candidates(
    cursor: Cursor, domain: str, model_id: int, *, dimension: int, limit: int
) -> list[TooLargeCandidate]:
    """Return rows with vectors of the model whose message may be larger than ``limit`` bytes."""
    many = limit // 2 // (4 * dimension + PASSAGE_BYTES)
    cursor.execute(CANDIDATES, {"domain": domain, "model_id": model_id, "many": many, "half": limit // 2})
    return [
        TooLargeCandidate(
            row_id=UUID(row_id),
            content_hash=bytes(content_hash),
            wire_bytes=wire_bytes,
            places=list(zip(starts, ends, strict=True)),
        )
        for row_id, content_hash, wire_bytes, starts, ends in cursor.fetchall()
    ]


def move_terms(cursor: Cursor, domain: str, model_id: int) -> None:
    """Move search terms so that searches find exactly the rows that are delivered under the model."""
    values = {"domain": domain, "model_id": model_id}
    cursor.execute(UNPARK, values)
    cursor.execute(PARK, values)


def delete_refusals(cursor: Cursor, model_id: int) -> None:
    """Delete the records of a model whose vectors are deleted."""
    cursor.execute(DELETE_RECORDS, (model_id,))
