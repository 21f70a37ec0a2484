"""A sample of a domain's rows by its log: every row is in it with the same probability, and its cost has a bound.

The log of the present epoch, which has every row again, is divided into equal windows; of each window, one run of
positions at a random place is read. So the number of rows that are read depends on the wanted number only, not on the
size of the domain.
"""

from __future__ import annotations

from pc_worker.model.joined import is_joined_name, rows_domain
from pc_worker.store.db.connection import Cursor

#: Positions of a run: rows that were written together are near each other on disk.
RUN = 100
#: Where most positions are of replaced rows, runs are longer, up to this many times.
LONGEST = 20

STAGE = "CREATE TEMP TABLE IF NOT EXISTS sampled_rows (row_id uuid) ON COMMIT DELETE ROWS; TRUNCATE sampled_rows"
# `OFFSET 0`: the random place is computed once for each run. `LIMIT`: the planner reads the runs one after another.
LIVE = """
SELECT l.row_id FROM (
    SELECT floor(run * %(window)s::float8 + random() * (%(window)s::float8 - %(span)s))::bigint
        + %(base)s + 1 AS first
    FROM generate_series(0, %(runs)s - 1) AS run OFFSET 0) AS r
CROSS JOIN LATERAL (
    SELECT row_id FROM log WHERE domain = %(logged)s AND position BETWEEN r.first AND r.first + %(span)s - 1
    AND superseded_by IS NULL AND kind = 0 LIMIT %(span)s) AS l
"""
FILL = f"INSERT INTO sampled_rows {LIVE}"
# Joined passages are in no log, but each has exactly one first row, which is.
FILL_JOINED = f"""
INSERT INTO sampled_rows SELECT p.joined_id FROM ({LIVE}) AS l CROSS JOIN LATERAL (
    SELECT joined_id FROM joined_parts WHERE domain = %(domain)s AND row_id = l.row_id AND part = 0 LIMIT %(span)s) AS p
"""
# Bisected: the batches of an epoch follow those of all earlier ones, and there may be millions of each.
PLACE = """
WITH RECURSIVE search (low, high) AS (
    SELECT 0::bigint, head FROM domains WHERE domain = %(logged)s
    UNION ALL
    SELECT CASE WHEN is_current THEN low ELSE middle END, CASE WHEN is_current THEN middle ELSE high END
    FROM (SELECT low, high, (low + high) / 2 AS middle FROM search WHERE high - low > 1) AS step
    CROSS JOIN LATERAL (SELECT coalesce((
        SELECT b.epoch = (SELECT epoch FROM domains WHERE domain = %(logged)s) FROM log_batches b
        WHERE b.domain = %(logged)s AND b.first_position <= middle ORDER BY b.first_position DESC LIMIT 1
    ), true) AS is_current) AS batch
)
SELECT max(low), max(high) FROM search
"""


def sample_rows(cursor: Cursor, domain: str, *, rows: int) -> float:
    """Write the ids of about ``rows`` rows into the temporary table ``sampled_rows``, which is empty after the commit.

    Returns:
        How many rows of the domain one of the sample stands for; 0 if the sample is empty: no row is in the log.
    """
    base, length = _present_epoch(cursor, rows_domain(domain))
    runs = max(1, min(rows, length) // RUN)
    window = max(length / runs, 1.0)
    span = min(RUN, int(window))
    found = _fill(cursor, domain, base=base, runs=runs, window=window, span=span)
    if found < rows / 2 and not is_joined_name(domain):
        span = int(min(window, RUN * LONGEST, RUN * rows / max(found, 1)))
        found = _fill(cursor, domain, base=base, runs=runs, window=window, span=span)
    return max(length / (runs * span), 1.0) if found else 0.0


def _present_epoch(cursor: Cursor, logged: str) -> tuple[int, int]:
    """Return the position after which the present epoch of a log begins, and its number of positions."""
    cursor.execute(PLACE, {"logged": logged})
    base, head = cursor.fetchone() or (None, None)
    return (int(base), int(head) - int(base)) if head is not None else (0, 0)


def _fill(cursor: Cursor, domain: str, *, base: int, runs: int, window: float, span: int) -> int:
    """Write a sample instead of the present one; return its number of rows."""
    cursor.execute(STAGE)
    values = {"domain": domain, "logged": rows_domain(domain), "base": base}
    values |= {"runs": runs, "window": window, "span": span}
    cursor.execute(FILL_JOINED if is_joined_name(domain) else FILL, values)
    return int(cursor.rowcount)
