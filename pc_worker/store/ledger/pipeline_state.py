"""What the database tells of the line as a whole: jobs, log, consumers, recall, sizes; cheap enough for a scrape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pc_worker.store.db.connection import Cursor

#: The consumers that lag most are told one by one; names are the consumers' own, so their number must have a bound.
MOST_SUBSCRIPTIONS = 100

# Names that callers made up are one: each would be a series for ever.
JOBS = """
SELECT CASE WHEN j.domain = ANY (%s) OR j.domain IN (SELECT domain FROM domains) THEN j.domain ELSE 'unknown' END
           AS known, state, count(*), sum(chunks_total - chunks_done) FILTER (WHERE state = 'running'),
       sum(rows_dead), coalesce(extract(epoch FROM now() - min(created_at)), 0)
FROM jobs j GROUP BY known, state
"""
# Chunks are sent in order, so a job's first open one has waited longest.
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
FROM domains d
"""
# The age of the oldest entry that a consumer lacks: of the first batch that ends beyond its position.
SUBSCRIPTIONS = """
SELECT s.domain, s.name, d.head - s.position, coalesce((
           SELECT extract(epoch FROM now() - committed_at) FROM log_batches b
           WHERE b.domain = s.domain AND b.first_position >= coalesce((
                     SELECT max(first_position) FROM log_batches
                     WHERE domain = s.domain AND first_position <= s.position + 1), 0)
             AND b.last_position > s.position
           ORDER BY b.first_position LIMIT 1), 0),
       coalesce(s.held_until > now(), false)
FROM subscriptions s JOIN domains d USING (domain) ORDER BY 3 DESC LIMIT %s
"""
RECALL = """
SELECT i.domain, i.recall_mean, i.target FROM vector_indexes i JOIN domains d USING (domain, model_id)
WHERE i.recall_mean IS NOT NULL
"""
TABLES = """
SELECT t.name, pg_total_relation_size(t.name::regclass),
       greatest(0, (SELECT reltuples FROM pg_class WHERE oid = t.name::regclass))
FROM unnest(ARRAY['rows', 'embeddings', 'row_terms', 'log', 'dead_letters', 'chunks']) AS t (name)
"""
COMMITTED = """
SELECT extract(epoch FROM now() - committed_at) FROM log_batches
WHERE domain = %s AND first_position <= %s ORDER BY first_position DESC LIMIT 1
"""

Rows = list[tuple[Any, ...]]


def jobs_by_state(cursor: Cursor, declared: Sequence[str]) -> Rows:
    """Give (domain, state, jobs, open chunks, dead rows, seconds since the oldest was made)."""
    return _all(cursor, JOBS, list(declared))


def waiting_chunks(cursor: Cursor) -> Rows:
    """Give (domain, seconds that its longest waiting chunk has waited)."""
    return _all(cursor, WAITING)


def log_heads(cursor: Cursor) -> Rows:
    """Give (domain, head, positions from its oldest entry to the head, seconds since its newest commit)."""
    return _all(cursor, HEADS)


def subscription_lags(cursor: Cursor) -> Rows:
    """Give (domain, subscription, positions not acknowledged, age of the oldest of them in seconds, consumed now)."""
    return _all(cursor, SUBSCRIPTIONS, MOST_SUBSCRIPTIONS)


def recalls(cursor: Cursor) -> Rows:
    """Give (domain, mean recall@10 of its vector index as last measured, its target)."""
    return _all(cursor, RECALL)


def table_sizes(cursor: Cursor) -> Rows:
    """Give (table, bytes with indexes, rows as the planner estimates them)."""
    return _all(cursor, TABLES)


def age_of_position(cursor: Cursor, domain: str, position: int) -> float | None:
    """Give how many seconds ago a position of the log was committed; None if it is not there."""
    found = _all(cursor, COMMITTED, domain, position)
    return float(found[0][0]) if found else None


def _all(cursor: Cursor, statement: str, *values: object) -> Rows:
    cursor.execute(statement, values)
    return list(cursor.fetchall())
