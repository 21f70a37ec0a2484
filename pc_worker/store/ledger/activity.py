"""What the line did and still has to do, from the ledger."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from pc_worker.model import JobState
from pc_worker.store.db.connection import Cursor

STATES = """
SELECT state, count(*) FROM jobs WHERE (%(domains)s::text[] IS NULL OR domain = ANY (%(domains)s)) GROUP BY state
"""
BACKLOG = """
SELECT count(*), coalesce(sum(c.row_count), 0) FROM chunks c JOIN jobs j USING (job_id)
WHERE c.state IN ('waiting', 'enqueued') AND j.state IN ('queued', 'splitting', 'running')
  AND (%(domains)s::text[] IS NULL OR j.domain = ANY (%(domains)s))
"""
HOURS = """
SELECT h, coalesce(sum(c.rows), 0) FROM generate_series(
    date_trunc('hour', now()) - interval '23 hours', date_trunc('hour', now()), interval '1 hour') h
LEFT JOIN (
    SELECT date_trunc('hour', c.done_at) AS hour, sum(c.row_count) AS rows FROM chunks c JOIN jobs j USING (job_id)
    WHERE c.done_at >= date_trunc('hour', now()) - interval '23 hours'
      AND (%(domains)s::text[] IS NULL OR j.domain = ANY (%(domains)s)) GROUP BY 1
) c ON c.hour = h GROUP BY h ORDER BY h
"""
RECENT = """
SELECT coalesce(sum(c.row_count), 0) FROM chunks c JOIN jobs j USING (job_id)
WHERE c.done_at > now() - interval '5 minutes' AND (%(domains)s::text[] IS NULL OR j.domain = ANY (%(domains)s))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """The line at a glance.

    Attributes:
        jobs: Jobs by state.
        open_chunks, open_rows: What open jobs still have to do, as far as their sources are split.
        hours: The last 24 hours: the begin of each, and the rows of the chunks that ended in it.
        rows_per_s: The mean of the last five minutes.
    """

    jobs: dict[JobState, int]
    open_chunks: int
    open_rows: int
    hours: list[tuple[datetime, int]]
    rows_per_s: float

    @property
    def eta_s(self) -> float | None:
        """Seconds until the open rows are done at the present rate; None if nothing is open or nothing moves."""
        return self.open_rows / self.rows_per_s if self.open_rows and self.rows_per_s else None


def read_activity(cursor: Cursor, domains: Collection[str] | None) -> Activity:
    """Return the activity of these domains, or of all."""
    values = {"domains": None if domains is None else list(domains)}
    cursor.execute(STATES, values)
    states: dict[JobState, int] = dict(cursor.fetchall())
    cursor.execute(BACKLOG, values)
    chunks, rows = cursor.fetchone() or (0, 0)
    cursor.execute(HOURS, values)
    hours = [(hour, int(done)) for hour, done in cursor.fetchall()]
    cursor.execute(RECENT, values)
    recent = int((cursor.fetchone() or (0,))[0])
    return Activity(jobs=states, open_chunks=int(chunks), open_rows=int(rows), hours=hours, rows_per_s=recent / 300)
