"""What chunks took: of one job for its status, of a domain's past jobs for the plan of a new one."""

from __future__ import annotations

from dataclasses import dataclass

from pc_worker.model import Job, Stages
from pc_worker.store.db.connection import Cursor

#: Chunks that the present pace is told from.
RECENT = 32
#: Past jobs of a domain that count.
JOBS = 5

STAGES = """
SELECT coalesce(sum(stage_seconds[1]), 0), coalesce(sum(stage_seconds[2]), 0), coalesce(sum(stage_seconds[3]), 0),
       coalesce(sum(stage_seconds[4]), 0)
FROM chunks WHERE job_id = %s AND state = 'done'
"""
# Chunks go out in order, so the newest done ones stand around the number of done ones. The first one's work lies before
# the time that is looked at; until now, so that a job that has come to a stop does not look fast.
PACE = """
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
    """What a job's chunks did and took; ``wall_s`` from the first one's start to the last one's end."""

    chunks: int
    rows: int
    written: int
    tokens: int
    stages: Stages
    wall_s: float


def job_stages(cursor: Cursor, job_id: str) -> Stages:
    """Give the seconds that a job's done chunks spent in each stage, all workers together."""
    cursor.execute(STAGES, (job_id,))
    return _stages(cursor.fetchone() or (0, 0, 0, 0))


def recent_rows_per_s(cursor: Cursor, job: Job) -> float | None:
    """Give the rows a second of a running job's newest chunks until now; None before two are done."""
    cursor.execute(PACE, {"job_id": job.job_id, "done": job.chunks_done, "recent": RECENT})
    chunks, rows, seconds = cursor.fetchone() or (0, 0, 0)
    return float(rows) / max(float(seconds), 0.001) if chunks > 1 else None


def past_jobs(cursor: Cursor, domain: str) -> list[PastJob]:
    """Give the domain's newest jobs that wrote something and whose chunks were timed."""
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
