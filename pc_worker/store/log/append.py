"""Upkeep of the delivery log: it is compacted, never truncated."""

from __future__ import annotations

from pc_worker.store.db.connection import Cursor

# A live row's newest and first entries stay: the first is what a checkpoint by uuid stands for.
PURGE = """
DELETE FROM log l USING (
    SELECT domain, max(last_position) AS last_old FROM log_batches
    WHERE committed_at < now() - make_interval(secs => %s) GROUP BY domain
) AS old
WHERE l.domain = old.domain AND l.superseded_by <= old.last_old AND l.position <> l.first_position
"""


def purge_superseded(cursor: Cursor, *, older_than_s: float) -> int:
    """Remove entries whose row has had a newer one for longer than the retention; gives how many."""
    cursor.execute(PURGE, (older_than_s,))
    return cursor.rowcount
