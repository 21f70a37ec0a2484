"""Purge what nobody needs any more: ended jobs, superseded log entries, index sidecars of old."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from pc_worker.services.parts import Parts
from pc_worker.store import jobs
from pc_worker.store.log import purge_superseded

#: Sidecars and decompressed copies are made again when needed.
SPOOL_RETENTION_S = 7 * 86400.0


@dataclass(frozen=True, slots=True)
class Purged:
    """How much was removed."""

    jobs: int
    log_entries: int
    spool_files: int


def purge(parts: Parts, *, job_retention_s: float, log_retention_s: float) -> Purged:
    """Remove what is past its retention; never what a resume or a checkpoint needs."""
    with parts.database.transaction() as cursor:
        ended = jobs.purge_jobs(cursor, older_than_s=job_retention_s)
    with parts.database.transaction() as cursor:
        entries = purge_superseded(cursor, older_than_s=log_retention_s)
    return Purged(len(ended), entries, _purge_spool(parts.spool))


def _purge_spool(spool: Path) -> int:
    oldest = time.time() - SPOOL_RETENTION_S
    old = [path for path in spool.glob("*") if path.is_file() and path.stat().st_mtime < oldest]
    for path in old:
        path.unlink(missing_ok=True)
    return len(old)
