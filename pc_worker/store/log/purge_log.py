"""Delete superseded log entries in ranges of positions: a switch of a model supersedes all entries of a domain."""

from __future__ import annotations

from pc_worker.store.db.connection import Cursor

#: Positions of one transaction: some tenths of a second.
SPAN = 20_000

# What was superseded at a position up to `bound` is past its retention. A pass that has read up to its bound leaves
# nothing superseded up to there: no other pass is due before the bound is higher.
DUE = """
SELECT old.domain, old.bound FROM (
    SELECT domain, max(last_position) AS bound FROM log_batches
    WHERE committed_at < now() - make_interval(secs => %s) GROUP BY domain
) AS old LEFT JOIN log_purges p ON p.domain = old.domain
WHERE p.domain IS NULL OR p.position < p.bound OR p.bound < old.bound
ORDER BY old.domain
"""
# Two runs at once take ranges by turns: each holds this row until its commit.
CONTINUE = """
INSERT INTO log_purges AS p (domain, position, bound) VALUES (%s, 0, %s)
ON CONFLICT (domain) DO UPDATE SET
    position = CASE WHEN p.position >= p.bound AND excluded.bound > p.bound THEN 0 ELSE p.position END,
    bound = CASE WHEN p.position >= p.bound AND excluded.bound > p.bound THEN excluded.bound ELSE p.bound END
RETURNING position, bound
"""
# A live row's newest and first entries stay: a checkpoint that names a row's UUID refers to the first one.
PURGE = """
DELETE FROM log WHERE domain = %(domain)s AND position > %(after)s AND position <= %(last)s
  AND superseded_by <= %(bound)s AND position <> first_position
"""


def due_purges(cursor: Cursor, *, older_than_s: float) -> list[tuple[str, int]]:
    """Return the domains with log entries that may have been superseded longer ago than the retention.

    With each is the position up to which that is so.
    """
    cursor.execute(DUE, (older_than_s,))
    return [(domain, bound) for domain, bound in cursor.fetchall()]


def purge_range(cursor: Cursor, domain: str, bound: int, *, span: int = SPAN) -> tuple[int, bool]:
    """Delete superseded entries among the next ``span`` positions; return how many, and whether the pass has ended."""
    cursor.execute(CONTINUE, (domain, bound))
    after, bound = cursor.fetchone() or (0, 0)
    if after >= bound:
        return 0, True
    last = min(after + span, bound)
    cursor.execute(PURGE, {"domain": domain, "after": after, "last": last, "bound": bound})
    gone = cursor.rowcount
    cursor.execute("UPDATE log_purges SET position = %s WHERE domain = %s", (last, domain))
    return gone, last >= bound
