"""When chunks of a rate-limited domain may begin: each takes a stretch of the domain's time, one after the other."""

from __future__ import annotations

from collections.abc import Sequence

from pc_worker.store.connection import Cursor

# Locks the domain's clock until the transaction ends; a clock that fell behind has nothing to make up for.
AHEAD = """
INSERT INTO domain_pace AS p (domain, next_at) VALUES (%s, now())
ON CONFLICT (domain) DO UPDATE SET next_at = greatest(p.next_at, now())
RETURNING extract(epoch FROM next_at - now())
"""
MOVE = "UPDATE domain_pace SET next_at = next_at + make_interval(secs => %s) WHERE domain = %s"
# A message that waits for its time is not lost before that.
POSTPONE = """
UPDATE chunks SET enqueued_at = now() + make_interval(secs => s.delay)
FROM unnest(%s::integer[], %s::float8[]) AS s (chunk_no, delay)
WHERE chunks.job_id = %s AND chunks.chunk_no = s.chunk_no
"""


def seconds_ahead(cursor: Cursor, domain: str) -> float:
    """Give in how many seconds the domain's next chunk may begin; nobody else takes that time meanwhile."""
    cursor.execute(AHEAD, (domain,))
    (seconds,) = cursor.fetchone() or (0,)
    return float(seconds)


def take_time(
    cursor: Cursor, domain: str, job_id: str, chunks: Sequence[int], *, ahead_s: float, each_s: float
) -> list[float]:
    """Take a stretch of ``each_s`` seconds for each chunk; gives in how many seconds each may begin."""
    delays = [ahead_s + each_s * place for place in range(len(chunks))]
    cursor.execute(MOVE, (each_s * len(chunks), domain))
    cursor.execute(POSTPONE, (list(chunks), delays, job_id))
    return delays
