"""What a job spends on embeddings: reserved before a request, corrected after it, so that a budget holds."""

from __future__ import annotations

from pc_worker.store.db.connection import Cursor

# One statement, so that processes of the same job cannot reserve the same dollars.
RESERVE = """
UPDATE jobs SET cost_usd = coalesce(cost_usd, 0) + %(usd)s
WHERE job_id = %(job_id)s AND (%(budget)s::float8 IS NULL OR coalesce(cost_usd, 0) + %(usd)s <= %(budget)s)
"""
CORRECT = "UPDATE jobs SET cost_usd = greatest(0, coalesce(cost_usd, 0) + %s) WHERE job_id = %s"
READ = """
SELECT j.cost_usd, (SELECT coalesce(sum(c.tokens_encoded), 0) FROM chunks c WHERE c.job_id = j.job_id)
FROM jobs j WHERE j.job_id = %s
"""


def reserve(cursor: Cursor, job_id: str, usd: float, *, budget: float | None) -> bool:
    """Add ``usd`` to what the job spends; return False and add nothing if that is more than its budget."""
    cursor.execute(RESERVE, {"job_id": job_id, "usd": usd, "budget": budget})
    return bool(cursor.rowcount)


def correct(cursor: Cursor, job_id: str, usd: float) -> None:
    """Add the difference between a request's real cost and its reservation, which may be negative."""
    cursor.execute(CORRECT, (usd, job_id))


def spent(cursor: Cursor, job_id: str) -> tuple[float | None, int]:
    """Return the USD that a job has spent, None without a price, and the tokens of its finished chunks."""
    cursor.execute(READ, (job_id,))
    usd, tokens = cursor.fetchone() or (None, 0)
    return usd, int(tokens)
