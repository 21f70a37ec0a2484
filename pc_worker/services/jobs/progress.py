"""How far a job is: where its time goes, its present pace, and when it will be done at that pace."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from pc_worker.model import Job, Stages
from pc_worker.services.dependencies import Services
from pc_worker.services.jobs.job_control import ENDED
from pc_worker.store.ledger import jobs, timings


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """A job's pace.

    Attributes:
        stages: Seconds in each stage, of all its workers together.
        rows_per_s: Of its newest chunks while it runs, of all its time once it has ended; None before that is known.
        eta_s: Seconds until its last row at that pace; None unless it runs.
    """

    stages: Stages
    rows_per_s: float | None
    eta_s: float | None

    def to_dict(self) -> dict[str, Any]:
        """As `status --json` shows it beside the contract's fields."""
        return {
            "stage_seconds": asdict(self.stages),
            "rows_per_s": None if self.rows_per_s is None else round(self.rows_per_s, 1),
            "eta_s": None if self.eta_s is None else round(self.eta_s, 1),
        }


def job_progress(services: Services, job_id: str) -> tuple[Job, Progress]:
    """Give a job and its pace.

    Raises:
        NotFound: If there is no such job.
    """
    with services.database.transaction() as cursor:
        job = jobs.find_job(cursor, job_id)
        stages = timings.job_stages(cursor, job_id)
        rows_per_s = _mean(job) if job.state in ENDED else timings.recent_rows_per_s(cursor, job)
    left = job.rows_total - _accounted(job)
    eta_s = left / rows_per_s if job.state == "running" and rows_per_s else None
    return job, Progress(stages=stages, rows_per_s=rows_per_s, eta_s=eta_s)


def _accounted(job: Job) -> int:
    return job.rows_written + job.rows_unchanged + job.rows_skipped + job.rows_dead


def _mean(job: Job) -> float | None:
    if job.started_at is None or job.finished_at is None or not job.rows_total:
        return None
    return _accounted(job) / max((job.finished_at - job.started_at).total_seconds(), 0.001)
