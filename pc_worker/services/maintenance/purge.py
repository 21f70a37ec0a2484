"""Purge what is past its retention: ended jobs, superseded log entries, vectors of old models, consumers, sidecars."""

from __future__ import annotations

import time
from dataclasses import dataclass
from math import inf
from pathlib import Path

from pc_worker.errors import SourceRejected, Unavailable
from pc_worker.logs import get_logger
from pc_worker.services.dependencies import Services
from pc_worker.services.ingest.uploads import purge_uploads, remove_files
from pc_worker.services.models.change_model import drop_retired
from pc_worker.store.answers.record import purge_answers
from pc_worker.store.db.connection import Database
from pc_worker.store.ledger import jobs
from pc_worker.store.log.nacked_rows import purge_nacked
from pc_worker.store.log.purge_log import due_purges, purge_range
from pc_worker.store.log.subscriptions import purge_subscriptions
from pc_worker.store.rows.forget_marks import purge_marks
from pc_worker.store.source_indexes import purge_source_indexes

log = get_logger(__name__)

#: Seconds that sidecars and copies are kept after their source was last opened; they are made again when needed.
SPOOL_RETENTION_S = 7 * 86400.0
#: Seconds that the record of an answer is kept without its text, for its usage and cost.
ANSWER_RECORD_S = 400 * 86400.0
#: Seconds that one purge takes for log entries; the task is ended after 300.
LOG_PURGE_S = 100.0


@dataclass(frozen=True, slots=True)
class Purged:
    """How much was deleted."""

    jobs: int
    log_entries: int
    spool_files: int
    vectors: int
    subscriptions: int
    uploads: int
    answers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """Seconds that data is kept.

    Ended jobs, superseded log entries, the vectors of models that no domain uses any more, subscriptions without a
    consumer (0 = forever), and the text of answers.
    """

    job_s: float
    log_s: float
    model_s: float
    subscription_s: float
    answer_s: float = 30 * 86400.0


def purge(services: Services, retention: Retention) -> Purged:
    """Delete what is past its retention, but nothing that a resume, a checkpoint or a model rollback needs."""
    with services.database.transaction() as cursor:
        ended = jobs.purge_jobs(cursor, older_than_s=retention.job_s)
        purge_marks(cursor)
    entries = purge_log(services.database, older_than_s=retention.log_s)
    with services.database.transaction() as cursor:
        expired = purge_subscriptions(cursor, retention_s=retention.subscription_s)
        purge_nacked(cursor)
    for gone in expired:  # a consumer that returns under this name can be given its last position from the log
        log.warning(
            "subscription_expired",
            domain=gone.domain,
            subscription=gone.name,
            position=gone.position,
            used_at=gone.used_at.isoformat(),
        )
    with services.database.transaction() as cursor:
        answers = purge_answers(cursor, text_s=retention.answer_s, record_s=max(retention.answer_s, ANSWER_RECORD_S))
    purge_source_indexes(services.database, unused_s=SPOOL_RETENTION_S)
    _purge_shared(services)
    vectors = drop_retired(services.database, older_than_s=retention.model_s)
    return Purged(
        len(ended),
        entries,
        _purge_spool(services.spool),
        vectors,
        len(expired),
        purge_uploads(services, services.uploads),
        answers,
    )


def purge_log(database: Database, *, older_than_s: float, seconds: float = LOG_PURGE_S) -> int:
    """Delete entries that were superseded longer ago than the retention; return how many.

    It ends after ``seconds``, but not before one range; the next call continues.
    """
    end, purged = time.monotonic() + seconds, 0
    with database.transaction() as cursor:
        due = due_purges(cursor, older_than_s=older_than_s)
    for domain, bound in due:
        complete = False
        while not complete:
            with database.transaction() as cursor:
                gone, complete = purge_range(cursor, domain, bound)
            purged += gone
            if time.monotonic() >= end:
                return purged
    return purged


def _purge_spool(spool: Path) -> int:
    oldest = time.time() - SPOOL_RETENTION_S
    return remove_files(path for path in spool.glob("*") if path.is_file() and _modified(path) < oldest)


def _modified(path: Path) -> float:
    """Return the time of a file's last change; the end of time if another purge has removed it."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return inf


def _purge_shared(services: Services) -> None:
    """Delete old copies that machines share; if the store refuses or does not answer, the next purge does."""
    if services.shared_copies is None:
        return
    try:
        services.shared_copies.purge(older_than_s=SPOOL_RETENTION_S)
    except (SourceRejected, Unavailable) as exc:
        log.warning("shared_copies_not_purged", reason=str(exc))
