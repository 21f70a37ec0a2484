"""Purge what nobody needs any more: ended jobs, superseded log entries, vectors of old models, old sidecars."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from pc_worker.services.change_model import drop_retired
from pc_worker.services.parts import Parts
from pc_worker.store import jobs
from pc_worker.store.forgotten import purge_marks
from pc_worker.store.log import purge_superseded

#: Every opening of a source renews the time of its sidecars and copies; those of old are made again when needed.
SPOOL_RETENTION_S = 7 * 86400.0


@dataclass(frozen=True, slots=True)
class Purged:
    """How much was removed."""

    jobs: int
    log_entries: int
    spool_files: int
    vectors: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """Seconds that things stay: ended jobs, superseded log entries, vectors of models that no domain uses any more."""

    job_s: float
    log_s: float
    model_s: float


def purge(parts: Parts, retention: Retention) -> Purged:
    """Remove what is past its retention; never what a resume, a checkpoint or a way back to a model needs."""
    with parts.database.transaction() as cursor:
        ended = jobs.purge_jobs(cursor, older_than_s=retention.job_s)
        purge_marks(cursor)
    with parts.database.transaction() as cursor:
        entries = purge_superseded(cursor, older_than_s=retention.log_s)
    vectors = drop_retired(parts.database, older_than_s=retention.model_s)
    return Purged(len(ended), entries, _purge_spool(parts.spool), vectors)


def _purge_spool(spool: Path) -> int:
    oldest = time.time() - SPOOL_RETENTION_S
    old = [path for path in spool.glob("*") if path.is_file() and path.stat().st_mtime < oldest]
    for path in old:
        path.unlink(missing_ok=True)
    return len(old)
