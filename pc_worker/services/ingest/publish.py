"""Push the bytes of committed rows to the domain's hot buffer; if that fails, no row is lost."""

from __future__ import annotations

from pc_worker.domains import Domain
from pc_worker.errors import Unavailable
from pc_worker.hot_buffer import build_entry
from pc_worker.logs import get_logger
from pc_worker.metrics import line as metrics
from pc_worker.services.dependencies import Services
from pc_worker.services.ingest.rows.write import Written

log = get_logger(__name__)


def push_written(services: Services, domain: Domain, written: Written) -> None:
    """Push one committed log batch; without Redis the gateway reads it from PostgreSQL."""
    log_batch = written.outcome.log_batch
    if log_batch is None:
        return
    entry = build_entry(
        domain.row_type,
        domain=domain.name,
        epoch=log_batch.epoch,
        nonce=log_batch.nonce,
        first_position=log_batch.first,
        rows=written.messages,
    )
    try:
        services.hot_buffer.push(entry, log_batch.queue_key)
    except Unavailable as exc:
        metrics.QUEUE_PUSH_FAILURES.labels(domain=domain.name).inc()
        log.warning("queue_push_failed", domain=domain.name, reason=str(exc))
