"""The Celery application: ``celery -A tasks …``."""

from __future__ import annotations

from pc_worker.garbage_collection import collect_rarely
from pc_worker.no_proxy import connect_directly

collect_rarely()  # here, too: a pool process does not run pc_worker's main module
connect_directly()

from tasks.app import app  # noqa: E402 - the start begins with these imports

__all__ = ["app"]
