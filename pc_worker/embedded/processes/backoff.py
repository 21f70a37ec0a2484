"""The delay before a process that died is restarted."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """The first restart is immediate; each one that follows soon after waits longer. All times in seconds."""

    first_s: float = 0.5
    factor: float = 2.0
    #: Upper bound of the delay.
    most_s: float = 5.0
    #: A process that has run this long has recovered: its next death counts as the first.
    calm_s: float = 20.0

    def delay_s(self, deaths: int) -> float:
        """Return the wait after the ``deaths``-th death in a row, counted from 1."""
        if deaths <= 1:
            return 0.0
        # The exponent is capped because a float power would overflow.
        return min(self.most_s, self.first_s * self.factor ** min(deaths - 2, 64))
