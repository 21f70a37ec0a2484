"""The state of the whole pipeline, for metrics and for the periodic check: cheap enough for every scrape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pc_worker.store.db.connection import Cursor
from pc_worker.store.db.leaves import LEAVES

# Domain names that callers invented are counted together: each would otherwise be a time series without end.
JOBS = """
SELECT CASE WHEN j.domain = ANY (%s) OR j.domain IN (SELECT domain FROM domains) THEN j.domain ELSE 'unknown' END
           AS known, state, count(*), sum(chunks_total - chunks_done) FILTER (WHERE state = 'running'),
       sum(rows_dead), coalesce(extract(epoch FROM now() - min(created_at)), 0)
FROM jobs j GROUP BY known, state
"""
# Chunks are sent in order, so a job's first open chunk has waited longest.
WAITING = """
SELECT j.domain, max(extract(epoch FROM now() - coalesce(c.enqueued_at, j.started_at)))
FROM jobs j CROSS JOIN LATERAL (
    SELECT enqueued_at FROM chunks WHERE job_id = j.job_id AND state IN ('waiting', 'enqueued')
    ORDER BY chunk_no LIMIT 1) c
WHERE j.state = 'running' GROUP BY j.domain
"""
HEADS = """
SELECT d.domain, d.head,
       d.head - coalesce((SELECT min(position) - 1 FROM log l WHERE l.domain = d.domain), d.head),
       coalesce((SELECT extract(epoch FROM now() - committed_at) FROM log_batches b
                 WHERE b.domain = d.domain ORDER BY first_position DESC LIMIT 1), 0)
FROM domains d WHERE right(d.domain, 7) <> '.joined'
"""
RECALL = """
SELECT i.domain, i.recall_mean, i.target FROM vector_indexes i JOIN domains d USING (domain, model_id)
WHERE i.recall_mean IS NOT NULL
"""
TABLES = f"""
SELECT t.name, sum(pg_total_relation_size(c.oid))::bigint, sum(greatest(0, c.reltuples))
FROM unnest(ARRAY['rows', 'embeddings', 'row_terms', 'log', 'dead_letters', 'chunks']) AS t (name)
JOIN pg_class c ON c.oid IN ({LEAVES.format(table="t.name::regclass")})
GROUP BY t.name
"""
COMMITTED = """
SELECT extract(epoch FROM now() - committed_at) FROM log_batches
WHERE domain = %s AND first_position <= %s ORDER BY first_position DESC LIMIT 1
"""
# A job whose counts do not add up has failed; one that ended otherwise shows a fault in the judgement itself.
UNBALANCED = """
SELECT count(*), count(*) FILTER (
    WHERE rows_written + rows_unchanged + rows_skipped + rows_dead <> rows_total OR chunks_done <> chunks_total)
FROM jobs WHERE state IN ('completed', 'partial')
"""
# A random part of each log: live rows that have no vector of their domain's model.
MISSING_VECTORS = """
WITH start_at AS (
    SELECT domain, model_id, floor(random() * head)::bigint AS start FROM domains
), sample AS (
    SELECT p.domain, p.model_id, l.row_id FROM start_at p CROSS JOIN LATERAL (
        SELECT row_id FROM log WHERE domain = p.domain AND position > p.start AND superseded_by IS NULL AND kind = 0
        ORDER BY position LIMIT %s) l
)
SELECT count(*), count(*) FILTER (WHERE NOT EXISTS (
    SELECT FROM embeddings e WHERE e.domain = s.domain AND e.row_id = s.row_id AND e.model_id = s.model_id))
FROM sample s
"""

Rows = list[tuple[Any, ...]]


def jobs_by_state(cursor: Cursor, declared: Sequence[str]) -> Rows:
    """Return (domain, state, jobs, open chunks, dead rows, seconds since the oldest job was created)."""
    return _all(cursor, JOBS, list(declared))


def waiting_chunks(cursor: Cursor) -> Rows:
    """Return (domain, seconds that its longest waiting chunk has waited)."""
    return _all(cursor, WAITING)


def log_heads(cursor: Cursor) -> Rows:
    """Return (domain, head, positions from its oldest entry to the head, seconds since its newest commit)."""
    return _all(cursor, HEADS)


def recalls(cursor: Cursor) -> Rows:
    """Return (domain, mean recall@10 of its vector index as last measured, its target)."""
    return _all(cursor, RECALL)


def table_sizes(cursor: Cursor) -> Rows:
    """Return (table, bytes with indexes, rows as the planner estimates them)."""
    return _all(cursor, TABLES)


def age_of_position(cursor: Cursor, domain: str, position: int) -> float | None:
    """Return how many seconds ago a position of the log was committed; None if the log does not have it."""
    found = _all(cursor, COMMITTED, domain, position)
    return float(found[0][0]) if found else None


def count_unbalanced_jobs(cursor: Cursor) -> tuple[int, int]:
    """Return the number of jobs that ended without failure, and of those among them whose counts do not add up."""
    cursor.execute(UNBALANCED)
    checked, wrong = cursor.fetchone() or (0, 0)
    return checked, wrong


def count_missing_vectors(cursor: Cursor, *, sample: int) -> tuple[int, int]:
    """Return the number of rows checked, at most ``sample`` per domain, and of those without a vector."""
    cursor.execute(MISSING_VECTORS, (sample,))
    checked, wrong = cursor.fetchone() or (0, 0)
    return checked, wrong


def _all(cursor: Cursor, statement: str, *values: object) -> Rows:
    cursor.execute(statement, values)
    return list(cursor.fetchall())
