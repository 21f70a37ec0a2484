"""Looks for what must never be: ended jobs that do not add up, and written rows without vectors."""

from __future__ import annotations

from pc_worker.store.db.connection import Cursor

# A job that did not add up has failed; were there another, the judgement itself would be broken.
SUMS = """
SELECT count(*), count(*) FILTER (
    WHERE rows_written + rows_unchanged + rows_skipped + rows_dead <> rows_total OR chunks_done <> chunks_total)
FROM jobs WHERE state IN ('completed', 'partial')
"""
# A stretch of the log somewhere: rows that are alive, and have no vector of their domain's model.
VECTORS = """
WITH place AS (
    SELECT domain, model_id, floor(random() * head)::bigint AS start FROM domains
), sample AS (
    SELECT p.domain, p.model_id, l.row_id FROM place p CROSS JOIN LATERAL (
        SELECT row_id FROM log WHERE domain = p.domain AND position > p.start AND superseded_by IS NULL AND kind = 0
        ORDER BY position LIMIT %s) l
)
SELECT count(*), count(*) FILTER (WHERE NOT EXISTS (
    SELECT FROM embeddings e WHERE e.domain = s.domain AND e.row_id = s.row_id AND e.model_id = s.model_id))
FROM sample s
"""


def count_unbalanced_jobs(cursor: Cursor) -> tuple[int, int]:
    """Give the jobs that ended well, and how many of them do not add up."""
    cursor.execute(SUMS)
    looked_at, wrong = cursor.fetchone() or (0, 0)
    return looked_at, wrong


def count_missing_vectors(cursor: Cursor, *, sample: int) -> tuple[int, int]:
    """Give how many rows were looked at, at most ``sample`` a domain, and how many have no vector."""
    cursor.execute(VECTORS, (sample,))
    looked_at, wrong = cursor.fetchone() or (0, 0)
    return looked_at, wrong
