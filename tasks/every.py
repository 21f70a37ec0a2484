"""Beat's schedule: every so many seconds, also after the clock was set back."""

from __future__ import annotations

from datetime import datetime

from celery.schedules import schedstate, schedule


class Every(schedule):
    """Due every so many seconds. A last run that lies ahead means a clock that was set back: due now, not only then."""

    def is_due(self, last_run_at: datetime) -> schedstate:
        """Tell whether it is due, and in how many seconds to look again."""
        if self.maybe_make_aware(last_run_at) > self.now():
            return schedstate(is_due=True, next=self.seconds)
        return super().is_due(last_run_at)
