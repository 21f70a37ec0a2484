"""How long to wait before a process that died is started again."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """The first death is mended at once; each that follows soon after waits longer. All times in seconds."""

    first_s: float = 0.5
    factor: float = 2.0
    #: A dead server is looked at again at least this often.
    most_s: float = 5.0
    #: Having lived this long, a process has recovered, and its next death counts as the first.
    calm_s: float = 20.0

    def delay_s(self, deaths: int) -> float:
        """Give the wait after the ``deaths``-th death in a row, counted from 1."""
        if deaths <= 1:
            return 0.0
        # The exponent is capped because a float power overflows long before anyone stops counting deaths.
        return min(self.most_s, self.first_s * self.factor ** min(deaths - 2, 64))
