"""A sample of a domain's rows by its log: every row is in it with the same probability, and its cost has a bound.

The log is divided into equal windows; of each window, one run of positions at a random place is read. So the number of
rows that are read depends on the wanted number only, not on the size of the domain.
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
    SELECT floor(run * %(window)s::float8 + random() * (%(window)s::float8 - %(span)s))::bigint + 1 AS first
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
HEAD = "SELECT head FROM domains WHERE domain = %s"


def sample_rows(cursor: Cursor, domain: str, *, rows: int) -> float:
    """Write the ids of about ``rows`` rows into the temporary table ``sampled_rows``, which is empty after the commit.

    Returns:
        How many rows of the domain one of the sample stands for; 0 if the sample is empty: no row is in the log.
    """
    cursor.execute(HEAD, (rows_domain(domain),))
    head = int((cursor.fetchone() or (0,))[0])
    runs = max(1, min(rows, head) // RUN)
    window = max(head / runs, 1.0)
    span = min(RUN, int(window))
    found = _fill(cursor, domain, runs=runs, window=window, span=span)
    if found < rows / 2 and not is_joined_name(domain):
        span = int(min(window, RUN * LONGEST, RUN * rows / max(found, 1)))
        found = _fill(cursor, domain, runs=runs, window=window, span=span)
    return max(head / (runs * span), 1.0) if found else 0.0


def _fill(cursor: Cursor, domain: str, *, runs: int, window: float, span: int) -> int:
    """Write a sample instead of the present one; return its number of rows."""
    cursor.execute(STAGE)
    values = {"domain": domain, "logged": rows_domain(domain), "runs": runs, "window": window, "span": span}
    cursor.execute(FILL_JOINED if is_joined_name(domain) else FILL, values)
    return int(cursor.rowcount)
