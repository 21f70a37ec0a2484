"""What is due when a job has ended: its domain's search statistics are refreshed."""

from __future__ import annotations

from pc_worker.logs import get_logger
from pc_worker.services.context import Parts
from pc_worker.services.jobs.job_control import job_status
from pc_worker.store.search.statistics import refresh_statistics

log = get_logger(__name__)


def after_job(parts: Parts, job_id: str) -> None:
    """Do what follows a job's end; losing it loses nothing, beat does it too."""
    job = job_status(parts, job_id)
    log.info("job_ended", job_id=job_id, state=job.state, rows=job.rows_total, written=job.rows_written)
    refresh_statistics(parts.database, job.domain)
