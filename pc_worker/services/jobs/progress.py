"""The progress of a job: the seconds of its stages, its rate, and the time to its end at that rate."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from pc_worker.model import Job, Stages
from pc_worker.services.dependencies import Services
from pc_worker.services.jobs.job_control import ENDED
from pc_worker.store.ledger import jobs, spending, timings


@dataclass(frozen=True, slots=True, kw_only=True)
class JobProgress:
    """A job's rate and stages.

    Attributes:
        stages: Seconds in each stage, summed over all its workers.
        rows_per_s: Of its newest chunks while it runs, of its whole time after its end; None if it is not known yet.
        eta_s: Seconds until its last row at that rate; None unless it runs.
        tokens_encoded: Tokens of its finished chunks that a model encoded.
        cost_usd: USD that its embeddings cost so far; None unless an engine with a price made them.
    """

    stages: Stages
    rows_per_s: float | None
    eta_s: float | None
    tokens_encoded: int
    cost_usd: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return the fields that `status --json` has in addition to the contract's."""
        return {
            "stage_seconds": asdict(self.stages),
            "rows_per_s": None if self.rows_per_s is None else round(self.rows_per_s, 1),
            "eta_s": None if self.eta_s is None else round(self.eta_s, 1),
            "tokens_encoded": self.tokens_encoded,
            "cost_usd": None if self.cost_usd is None else round(self.cost_usd, 9),
        }


def job_progress(services: Services, job_id: str) -> tuple[Job, JobProgress]:
    """Return a job and its progress.

    Raises:
        NotFound: If there is no such job.
    """
    with services.database.transaction() as cursor:
        job = jobs.find_job(cursor, job_id)
        stages = timings.job_stages(cursor, job_id)
        cost_usd, tokens = spending.spent(cursor, job_id)
        rows_per_s = _mean(job) if job.state in ENDED else timings.recent_rows_per_s(cursor, job)
    left = job.rows_total - job.rows_accounted
    eta_s = left / rows_per_s if job.state == "running" and rows_per_s else None
    progress = JobProgress(stages=stages, rows_per_s=rows_per_s, eta_s=eta_s, tokens_encoded=tokens, cost_usd=cost_usd)
    return job, progress


def _mean(job: Job) -> float | None:
    if job.started_at is None or job.finished_at is None or not job.rows_total:
        return None
    return job.rows_accounted / max((job.finished_at - job.started_at).total_seconds(), 0.001)
