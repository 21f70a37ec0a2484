"""Maintenance, on beat's schedule: each task is idempotent, and harmless when two beats run."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from pc_worker.domains import domain_names
from pc_worker.logs import get_logger
from pc_worker.metrics import line as metrics
from pc_worker.services.ingest.inbox.scan import scan_inbox as find_files
from pc_worker.services.ingest.reconcile import reconcile as find_missing
from pc_worker.services.ingest.submit import fail_before_split
from pc_worker.services.maintenance.check_ledger import check_ledger as find_violations
from pc_worker.services.maintenance.purge import Retention
from pc_worker.services.maintenance.purge import purge as do_purge
from pc_worker.services.models.joined_vectors import complete_passages
from pc_worker.services.search.index.indexes import check_recall as measure_recall
from pc_worker.services.search.index.indexes import maintain_indexes as build_due_indexes
from pc_worker.store.partitions.log_ranges import add_log_ranges
from pc_worker.store.search.statistics import refresh_statistics
from tasks.app import RetryingTask, app, worker
from tasks.queues import FORMER, any_waiting, work_queues
from tasks.send import send_chunk, send_due_later, send_ingest

log = get_logger(__name__)

#: Text statistics are counted again when this share of a domain's rows has changed. The end of a job always counts.
STATISTICS_DRIFT = 0.02


class MaintenanceTask(RetryingTask):
    """Record when it last succeeded."""

    def on_success(self, retval: Any, task_id: str, args: Any, kwargs: Any) -> None:
        """Record the time, for the alert on maintenance that has stopped."""
        metrics.UPKEEP_DONE.labels(task=self.name.removeprefix("pc_worker.")).set_to_current_time()


@app.task(name="pc_worker.reconcile", base=MaintenanceTask)
def reconcile() -> dict[str, int]:
    """Send again what a lost message left undone, and embed the passages that a forget has changed."""
    with app.connection_for_read() as connection:
        missing = find_missing(
            worker.services, is_waiting=lambda domain: any_waiting(connection, [*work_queues(domain), *FORMER])
        )
    for job_id in missing.ingests:
        _send_again(job_id)
    for chunk in missing.chunks:
        send_chunk(chunk)
    for domain, seconds in missing.again_in_s.items():
        send_due_later(domain, seconds)
    metrics.MESSAGES_RESENT.labels(task="ingest_file").inc(len(missing.ingests))
    metrics.MESSAGES_RESENT.labels(task="process_chunk").inc(missing.lost)
    complete_passages(worker.services)
    return {"ingests": len(missing.ingests), "chunks": len(missing.chunks)}


def _send_again(job_id: str) -> None:
    """Send a job's ingest message; a job whose request cannot be read does not stop the others."""
    try:
        send_ingest(worker.services, job_id)
    except (KeyError, TypeError, ValueError) as exc:
        log.warning("job_not_sent", job_id=job_id, reason=f"its request cannot be read: {exc!r}")
        fail_before_split(worker.services, job_id, "given up: its request in the ledger cannot be read")


# Acknowledged early and with its own limits: a build may outlast the visibility timeout, and beat sends it again.
@app.task(
    name="pc_worker.maintain_indexes",
    base=MaintenanceTask,
    acks_late=False,
    soft_time_limit=6 * 3600,
    time_limit=7 * 3600,
)
def maintain_indexes() -> dict[str, list[str]]:
    """Build, rebuild and check vector indexes, refresh the statistics of text search, and extend partitioned logs."""
    database = worker.services.database
    add_log_ranges(database)
    complete_passages(worker.services, always=True)
    for domain in domain_names():
        refresh_statistics(database, domain, drift=STATISTICS_DRIFT)
    return {"built": build_due_indexes(database)}


@app.task(name="pc_worker.check_recall", base=MaintenanceTask)
def check_recall() -> dict[str, float]:
    """Measure the recall of the vector indexes; a domain below its target is logged as a warning."""
    return {domain: recall.mean for domain, recall in measure_recall(worker.services.database).items()}


@app.task(name="pc_worker.check_ledger", base=MaintenanceTask)
def check_ledger() -> dict[str, int]:
    """Find ended jobs whose rows do not add up and, in a sample, written rows without vectors."""
    found = find_violations(worker.services.database)
    for kind, checked in found.items():
        metrics.CHECKED.labels(kind=kind).inc(checked.checked)
        metrics.VIOLATIONS.labels(kind=kind).inc(checked.wrong)
    return {kind: checked.wrong for kind, checked in found.items()}


@app.task(name="pc_worker.scan_inbox", base=MaintenanceTask)
def scan_inbox() -> dict[str, int]:
    """Create jobs for the complete files in the inbox, if one is set."""
    inbox = worker.settings.inbox
    job_ids = [] if inbox is None else find_files(worker.services, inbox)
    for job_id in job_ids:
        send_ingest(worker.services, job_id, task_id=job_id)
    return {"jobs": len(job_ids)}


@app.task(name="pc_worker.purge", base=MaintenanceTask)
def purge() -> dict[str, int]:
    """Delete what is past its retention."""
    settings = worker.settings
    retention = Retention(
        job_s=settings.job_retention_s,
        log_s=settings.log_retention_s,
        model_s=settings.model_retention_s,
        subscription_s=settings.subscription_retention_s,
        answer_s=settings.answer_retention_s,
    )
    return asdict(do_purge(worker.services, retention))
