"""When chunks of a rate-limited domain may begin: each takes a slot of the domain's time, one after the other."""

from __future__ import annotations

from pc_worker.store.db.connection import Cursor

#: A look that comes late is made up for, so that the pace holds; an idle domain saves nothing up.
SLACK_S = 1.0
#: No more looks than so many seconds apart: several slots may have come by then.
LEAST_PAUSE_S = 0.2

# Locks the domain's clock until the transaction ends.
BEHIND = """
INSERT INTO domain_pace AS p (domain, next_at) VALUES (%s, now())
ON CONFLICT (domain) DO UPDATE SET next_at = greatest(p.next_at,
    CASE WHEN p.wake_at IS NULL THEN now() ELSE now() - make_interval(secs => %s) END)
RETURNING extract(epoch FROM now() - next_at)
"""
# The chunk counts as sent at its slot.
TAKE = """
WITH slot AS (
    UPDATE domain_pace SET next_at = next_at + make_interval(secs => %(each_s)s) WHERE domain = %(domain)s
    RETURNING next_at - make_interval(secs => %(each_s)s) AS begins_at
)
UPDATE chunks SET enqueued_at = slot.begins_at FROM slot WHERE job_id = %(job_id)s AND chunk_no = %(chunk_no)s
"""
# A look that was promised for later is not promised again; one whose time has passed is under way, or lost.
PROMISE = """
UPDATE domain_pace SET wake_at = greatest(next_at, now() + make_interval(secs => %s))
WHERE domain = %s AND (wake_at IS NULL OR wake_at <= now())
RETURNING extract(epoch FROM wake_at - now())
"""
NOTHING_WAITS = "UPDATE domain_pace SET wake_at = NULL WHERE domain = %s AND wake_at IS NOT NULL"


def seconds_behind(cursor: Cursor, domain: str) -> float:
    """Give for how many seconds the domain's next slot has been there, negative = it is still to come.

    Nobody else takes slots meanwhile.
    """
    cursor.execute(BEHIND, (domain, SLACK_S))
    (seconds,) = cursor.fetchone() or (0,)
    return float(seconds)


def assign_slot(cursor: Cursor, domain: str, job_id: str, chunk_no: int, *, each_s: float) -> None:
    """Give the domain's next slot, of ``each_s`` seconds, to a chunk."""
    values = {"domain": domain, "job_id": job_id, "chunk_no": chunk_no, "each_s": each_s}
    cursor.execute(TAKE, values)


def schedule_check(cursor: Cursor, domain: str, *, needed: bool) -> float | None:
    """Give in how many seconds to look at the domain's clock again; None if nobody needs to, or another does."""
    if not needed:
        cursor.execute(NOTHING_WAITS, (domain,))
        return None
    cursor.execute(PROMISE, (LEAST_PAUSE_S, domain))
    row = cursor.fetchone()
    return None if row is None else float(row[0])
