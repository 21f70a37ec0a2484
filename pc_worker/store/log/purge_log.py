"""Delete superseded log entries in ranges of positions: a switch of a model supersedes all entries of a domain."""

from __future__ import annotations

from pc_worker.store.db.connection import Cursor

#: Positions of one transaction, from the first one that has an entry: some tenths of a second.
SPAN = 20_000

# What was superseded at a position up to `bound` is past its retention. A pass that has read up to its bound leaves
# nothing superseded up to there: no other pass is due before the bound is higher.
DUE = """
SELECT old.domain, old.bound FROM (
    SELECT domain, max(last_position) AS bound FROM log_batches
    WHERE committed_at < now() - make_interval(secs => %s) GROUP BY domain
) AS old LEFT JOIN log_purges p ON p.domain = old.domain
WHERE p.domain IS NULL OR p.position < p.bound OR p.bound < old.bound
ORDER BY coalesce(p.position < p.bound, false) DESC, p.begun_at NULLS FIRST, old.domain
"""
# A pass that continues keeps its bound, or takes a lower one, as after the retention was made longer: up to the bound
# where it ends, nothing superseded is left.
# Two runs at once take ranges by turns: each holds this row until its commit.
BEGINS = "p.position >= p.bound AND excluded.bound > p.bound"
CONTINUE = f"""
INSERT INTO log_purges AS p (domain, position, bound) VALUES (%s, 0, %s)
ON CONFLICT (domain) DO UPDATE SET
    begun_at = CASE WHEN {BEGINS} THEN now() ELSE p.begun_at END,
    position = CASE WHEN {BEGINS} THEN 0 ELSE p.position END,
    bound = CASE WHEN {BEGINS} THEN excluded.bound
                 WHEN p.position < p.bound THEN least(p.bound, excluded.bound) ELSE p.bound END
RETURNING position, bound
"""
# The log has gaps: of what was purged, and of a thousand million positions after a restore.
NEXT = "SELECT position FROM log WHERE domain = %s AND position > %s AND position <= %s ORDER BY position LIMIT 1"
# A live row's newest and first entries stay: a checkpoint that names a row's UUID refers to the first one.
PURGE = """
DELETE FROM log WHERE domain = %(domain)s AND position > %(after)s AND position <= %(last)s
  AND superseded_by <= %(bound)s AND position <> first_position
"""


def due_purges(cursor: Cursor, *, older_than_s: float) -> list[tuple[str, int]]:
    """Return the domains with log entries that may have been superseded longer ago than the retention.

    With each is the position up to which that is so. Unfinished passes are first, then the least recently begun.
    """
    cursor.execute(DUE, (older_than_s,))
    return [(domain, bound) for domain, bound in cursor.fetchall()]


def purge_range(cursor: Cursor, domain: str, bound: int, *, span: int = SPAN) -> tuple[int, bool]:
    """Delete superseded entries in ``span`` positions from the next entry on.

    Returns:
        How many, and whether the pass has ended.
    """
    cursor.execute(CONTINUE, (domain, bound))
    after, bound = cursor.fetchone() or (0, 0)
    if after >= bound:
        return 0, True
    cursor.execute(NEXT, (domain, after, bound))
    following = cursor.fetchone()
    last = bound if following is None else min(following[0] - 1 + span, bound)
    cursor.execute(PURGE, {"domain": domain, "after": after, "last": last, "bound": bound})
    gone = cursor.rowcount
    cursor.execute("UPDATE log_purges SET position = %s WHERE domain = %s", (last, domain))
    return gone, last >= bound
