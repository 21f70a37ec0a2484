"""When chunks of a rate-limited domain may start: each takes one slot of the domain's time, in sequence."""

from __future__ import annotations

from pc_worker.store.db.connection import Cursor

#: Seconds by which a late check is made up for, so that the rate holds; an idle domain accumulates no slots.
SLACK_S = 1.0
#: Minimum seconds between two checks; several slots may have become due by then.
MIN_PAUSE_S = 0.2
#: Seconds after the next slot at which no check is scheduled in order.
FAR_S = 60.0

# Locks the domain's clock until the transaction ends. A slot later than the longest one from now on is of before the
# server's clock was set back: nothing would be sent until it comes.
BEHIND = """
INSERT INTO domain_pace AS p (domain, next_at) VALUES (%(domain)s, now())
ON CONFLICT (domain) DO UPDATE SET next_at = least(now() + make_interval(secs => %(longest_s)s), greatest(p.next_at,
    CASE WHEN p.wake_at IS NULL THEN now() ELSE now() - make_interval(secs => %(slack_s)s) END))
RETURNING extract(epoch FROM now() - next_at)
"""
# The chunk counts as sent at its slot.
ASSIGN = """
WITH slot AS (
    UPDATE domain_pace SET next_at = next_at + make_interval(secs => %(each_s)s) WHERE domain = %(domain)s
    RETURNING next_at - make_interval(secs => %(each_s)s) AS begins_at
)
UPDATE chunks SET enqueued_at = slot.begins_at FROM slot WHERE job_id = %(job_id)s AND chunk_no = %(chunk_no)s
"""
# A check that is already scheduled is not scheduled again; one whose time has passed is running, or was lost. So was
# one that is much later than the next slot: the clock was set back.
SCHEDULE = """
UPDATE domain_pace SET wake_at = greatest(next_at, now() + make_interval(secs => %(pause_s)s))
WHERE domain = %(domain)s AND (wake_at IS NULL OR wake_at <= now()
    OR wake_at > greatest(next_at, now()) + make_interval(secs => %(far_s)s))
RETURNING extract(epoch FROM wake_at - now())
"""
NOTHING_WAITS = "UPDATE domain_pace SET wake_at = NULL WHERE domain = %s AND wake_at IS NOT NULL"


def seconds_behind(cursor: Cursor, domain: str, *, longest_s: float) -> float:
    """Return for how many seconds the domain's next slot has been due; negative = it is in the future.

    No other transaction can assign slots until this one ends. ``longest_s``: of the longest slot.
    """
    cursor.execute(BEHIND, {"domain": domain, "longest_s": longest_s, "slack_s": SLACK_S})
    (seconds,) = cursor.fetchone() or (0,)
    return float(seconds)


def assign_slot(cursor: Cursor, domain: str, *, job_id: str, chunk_no: int, each_s: float) -> None:
    """Assign the domain's next slot, of ``each_s`` seconds, to a chunk."""
    values = {"domain": domain, "job_id": job_id, "chunk_no": chunk_no, "each_s": each_s}
    cursor.execute(ASSIGN, values)


def schedule_check(cursor: Cursor, domain: str, *, needed: bool) -> float | None:
    """Return in how many seconds to check the domain again; None if not needed or already scheduled."""
    if not needed:
        cursor.execute(NOTHING_WAITS, (domain,))
        return None
    cursor.execute(SCHEDULE, {"domain": domain, "pause_s": MIN_PAUSE_S, "far_s": FAR_S})
    row = cursor.fetchone()
    return None if row is None else float(row[0])
