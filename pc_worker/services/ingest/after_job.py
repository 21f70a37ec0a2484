"""What is due when a job has ended: its domain's search statistics are refreshed."""

from __future__ import annotations

from pc_worker.logs import get_logger
from pc_worker.services.dependencies import Services
from pc_worker.services.jobs.job_control import job_status
from pc_worker.store.search.statistics import refresh_statistics

log = get_logger(__name__)


def after_job(services: Services, job_id: str) -> None:
    """Do what follows a job's end; losing it loses nothing, beat does it too."""
    job = job_status(services, job_id)
    log.info("job_ended", job_id=job_id, state=job.state, rows=job.rows_total, written=job.rows_written)
    refresh_statistics(services.database, job.domain)
