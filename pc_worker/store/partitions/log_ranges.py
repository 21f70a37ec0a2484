"""The ranges of a partitioned log: the last one is open, so that no position is without a place."""

from __future__ import annotations

import re

from pc_worker.errors import Conflict
from pc_worker.logs import get_logger
from pc_worker.store.db.connection import Cursor, Database
from pc_worker.store.partitions.statements import LOCK_MS
from pc_worker.store.partitions.tables import LOG

log = get_logger(__name__)

# The lock makes a second process wait, which then sees the ranges of the first.
DUE = """
SELECT p.number, p.log_span, d.head FROM partitions p JOIN domains d USING (domain)
WHERE p.done_at IS NOT NULL ORDER BY p.number FOR UPDATE OF p
"""
RANGES = """
SELECT c.relname, pg_get_expr(c.relpartbound, c.oid), array_to_string(c.reloptions, ', ')
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = %s::regclass
ORDER BY length(c.relname), c.relname
"""
OPEN = re.compile(r"FROM \('?(\d+)'?\) TO \(MAXVALUE\)")


def add_log_ranges(database: Database) -> int:
    """Close the open range of each log that has come within one range of it, and add a new one; return how many.

    Readers and writers of the log wait for milliseconds, as the open range is empty; if not, while it is read once.
    """
    try:
        return database.repeat(_add)
    except Conflict as exc:  # the next run does it; until then the open range takes the positions
        log.info("log_range_not_added", reason=str(exc))
        return 0


def _add(cursor: Cursor) -> int:
    cursor.execute(f"SET LOCAL lock_timeout = '{LOCK_MS}ms'")
    cursor.execute(DUE)
    added = 0
    for number, span, head in cursor.fetchall():
        added += _close(cursor, number, span, head)
    return added


def _close(cursor: Cursor, number: int, span: int, head: int) -> int:
    whole = LOG.of_domain(number)
    cursor.execute(RANGES, (whole,))
    ranges = cursor.fetchall()
    name, bounds, options = ranges[-1]
    found = OPEN.search(bounds)
    if found is None or head + span < int(found[1]):
        return 0
    start, end = int(found[1]), (head // span + 2) * span
    stored = f" WITH ({options})" if options else ""
    cursor.execute(
        f"ALTER TABLE {whole} DETACH PARTITION {name};"
        f"ALTER TABLE {whole} ATTACH PARTITION {name} FOR VALUES FROM ({start}) TO ({max(end, start + span)});"
        f"CREATE TABLE {LOG.part(number, len(ranges))} PARTITION OF {whole}"
        f" FOR VALUES FROM ({max(end, start + span)}) TO (MAXVALUE){stored}"
    )
    return 1
