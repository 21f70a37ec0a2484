"""How long chunks took: of one job for its status, of a domain's past jobs for the estimate of a new one."""

from __future__ import annotations

from dataclasses import dataclass

from pc_worker.model import Job, Stages
from pc_worker.store.db.connection import Cursor

#: Chunks from which the present rate is computed.
RECENT = 32
#: Past jobs of a domain that are considered.
JOBS = 5

STAGES = """
SELECT coalesce(sum(stage_seconds[1]), 0), coalesce(sum(stage_seconds[2]), 0), coalesce(sum(stage_seconds[3]), 0),
       coalesce(sum(stage_seconds[4]), 0)
FROM chunks WHERE job_id = %s AND state = 'done'
"""
# Chunks are sent in order, so the newest finished ones have numbers near the number of finished chunks. The first one's
# work precedes the measured time, which lasts until now, so that a stopped job does not appear fast.
RATE = """
WITH recent AS (
    SELECT row_count, done_at FROM chunks
    WHERE job_id = %(job_id)s AND state = 'done' AND done_at IS NOT NULL
      AND chunk_no BETWEEN %(done)s - 4 * %(recent)s AND %(done)s + 4 * %(recent)s
    ORDER BY done_at DESC LIMIT %(recent)s
)
SELECT count(*), coalesce(sum(row_count), 0) - coalesce((SELECT row_count FROM recent ORDER BY done_at LIMIT 1), 0),
       extract(epoch FROM clock_timestamp() - min(done_at))
FROM recent
"""
HISTORY = """
WITH past AS (
    SELECT job_id, finished_at FROM jobs
    WHERE domain = %s AND state IN ('completed', 'partial') AND rows_written > 0
    ORDER BY finished_at DESC LIMIT %s
)
SELECT count(*), sum(c.row_count), sum(c.written), coalesce(sum(c.tokens_encoded), 0),
       sum(c.stage_seconds[1]), sum(c.stage_seconds[2]), sum(c.stage_seconds[3]), sum(c.stage_seconds[4]),
       extract(epoch FROM max(c.done_at) - min(c.done_at - make_interval(secs =>
           c.stage_seconds[1] + c.stage_seconds[2] + c.stage_seconds[3] + c.stage_seconds[4])))
FROM chunks c JOIN past USING (job_id) WHERE c.state = 'done' AND c.stage_seconds IS NOT NULL
GROUP BY c.job_id, past.finished_at ORDER BY past.finished_at DESC
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PastJob:
    """The work and time of a job's chunks; ``wall_s`` is from the first start to the last end, in seconds."""

    chunks: int
    rows: int
    written: int
    tokens: int
    stages: Stages
    wall_s: float


def job_stages(cursor: Cursor, job_id: str) -> Stages:
    """Return the seconds that a job's finished chunks spent in each stage, all workers together."""
    cursor.execute(STAGES, (job_id,))
    return _stages(cursor.fetchone() or (0, 0, 0, 0))


def recent_rows_per_s(cursor: Cursor, job: Job) -> float | None:
    """Return the rows per second of a running job's newest chunks until now; None before two are done."""
    cursor.execute(RATE, {"job_id": job.job_id, "done": job.chunks_done, "recent": RECENT})
    chunks, rows, seconds = cursor.fetchone() or (0, 0, 0)
    return float(rows) / max(float(seconds), 0.001) if chunks > 1 else None


def past_jobs(cursor: Cursor, domain: str) -> list[PastJob]:
    """Return the domain's newest jobs that wrote rows and whose chunks were timed."""
    cursor.execute(HISTORY, (domain, JOBS))
    return [
        PastJob(
            chunks=row[0],
            rows=int(row[1]),
            written=int(row[2]),
            tokens=int(row[3]),
            stages=_stages(row[4:8]),
            wall_s=max(float(row[8]), 0.001),
        )
        for row in cursor.fetchall()
    ]


def _stages(seconds: tuple[object, ...]) -> Stages:
    read, clean, embed, write = (round(float(str(value)), 3) for value in seconds)
    return Stages(read=read, clean=clean, embed=embed, write=write)
