"""Check the first invariant in the database: the rows of jobs add up, and written rows have vectors."""

from __future__ import annotations

from dataclasses import dataclass

from pc_worker.logs import get_logger
from pc_worker.store.db.connection import Database
from pc_worker.store.ledger import pipeline_state

log = get_logger(__name__)

#: Rows of a domain that one check reads, at a random position of its log: a few milliseconds.
SAMPLE = 1_000


@dataclass(frozen=True, slots=True)
class LedgerCheck:
    """How many items were checked, and how many of them were wrong."""

    checked: int
    wrong: int


def check_ledger(database: Database) -> dict[str, LedgerCheck]:
    """Check the ledger without changing it; return the result by kind: ``sums``, ``row_without_vector``.

    Raises:
        Unavailable: If PostgreSQL does not answer.
    """
    with database.transaction() as cursor:
        found = {
            "sums": LedgerCheck(*pipeline_state.count_unbalanced_jobs(cursor)),
            "row_without_vector": LedgerCheck(*pipeline_state.count_missing_vectors(cursor, sample=SAMPLE)),
        }
    for kind, check in found.items():
        if check.wrong:
            log.error("ledger_violated", kind=kind, wrong=check.wrong, looked_at=check.checked)
    return found
