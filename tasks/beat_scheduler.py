"""Beat's memory of when each task was sent last: losing it costs one early run, so no fault of its file stops beat."""

from __future__ import annotations

from typing import Any

from celery.beat import PersistentScheduler

from pc_worker.logs import get_logger

log = get_logger(__name__)


class CarefulScheduler(PersistentScheduler):
    """Celery's scheduler; a file that is damaged, removed or on a full disk is replaced or done without."""

    _store: Any

    def setup_schedule(self) -> None:
        """Read the file; one that cannot be read, as after a loss of power, is replaced."""
        try:
            super().setup_schedule()
        except Exception as exc:  # the errors of a store's kind, of pickle, and of the objects in it
            log.warning("beat_schedule_replaced", file=self.schedule_filename, reason=f"{type(exc).__name__}: {exc}")
            self._store = None
            self._remove_db()
            super().setup_schedule()

    def sync(self) -> None:
        """Write the file; where that fails, beat goes on with what it knows, and tries again with the next write."""
        if self._store is None:
            return
        known = dict(self._store.cache)
        try:
            super().sync()
        except Exception as exc:
            self._not_written(exc)
            self._store.writeback = True  # a write that failed half-way leaves it off
        self._store.cache.update(known)  # what beat knows is never read from the file again

    def close(self) -> None:
        """Close the file; a failure is no failure of beat."""
        try:
            super().close()
        except Exception as exc:
            self._not_written(exc)

    def _not_written(self, exc: Exception) -> None:
        log.warning("beat_schedule_not_written", file=self.schedule_filename, reason=f"{type(exc).__name__}: {exc}")
