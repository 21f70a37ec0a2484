"""PostgreSQL's statistics, renewed while a log grows: autovacuum may come minutes after they are needed.

Of a domain that they do not know the planner expects one row. An index that only finds the domain then looks as good as
the one that finds the row, and each statement reads the domain whole: measured at 100,000 rows, 2.8 s instead of 3 ms
for the unchanged rows of a chunk. ANALYZE also ends the plans that the gateway made, and kept, while the log was short.
"""

from __future__ import annotations

import psycopg2

from pc_worker.errors import Conflict, Unavailable
from pc_worker.logs import get_logger
from pc_worker.model import LogBatch
from pc_worker.store.db.connection import Database

log = get_logger(__name__)

#: Entries of a log at which statistics are renewed: the first, and each ``GROWTH`` times the one before.
FIRST = 256
GROWTH = 4
# Only what statements look for: the statistics of wide columns would take most of the time.
ANALYZE = """
SET LOCAL lock_timeout = '3s';
ANALYZE rows (domain, row_id, source), embeddings (domain, row_id, model_id, passage, text_hash),
    row_terms (domain, row_id), identities (domain, scope, key, row_id),
    log (domain, position, row_id, superseded_by), log_batches (domain, first_position)
"""


def analyze_after_growth(database: Database, log_batch: LogBatch | None) -> None:
    """Renew them if the log has just grown past a mark; where that cannot be now, autovacuum will."""
    if log_batch is None or not passes_a_mark(log_batch):
        return
    try:
        with database.transaction() as cursor:
            cursor.execute(ANALYZE)
    except (Conflict, Unavailable, psycopg2.Error) as exc:  # the chunk is done: nothing of it may fail for this
        log.info("planner_statistics_not_renewed", reason=str(exc))


def passes_a_mark(log_batch: LogBatch) -> bool:
    """Tell whether a mark is in this stretch of a log.

    >>> from uuid import UUID
    >>> [passes_a_mark(LogBatch(epoch=UUID(int=0), nonce=1, first=n, last=n + 299)) for n in (1, 301, 601, 901)]
    [True, False, False, True]
    """
    mark = FIRST
    while mark < log_batch.first:
        mark *= GROWTH
    return mark <= log_batch.last
