"""Growing pauses between attempts of work that continues where it stopped."""

from __future__ import annotations

from collections.abc import Sequence


class RetryPauses:
    """The pauses after failures in a row, in seconds; a success starts again with the first.

    Not stamina, which repeats one call from its beginning and counts its attempts: the users of this class live long
    and hold state, such as a stream that resumes after the last row it sent, and each success resets the pauses.
    """

    def __init__(self, pauses_s: Sequence[float]) -> None:
        self._pauses_s = pauses_s
        self._failures = 0

    @property
    def failures(self) -> int:
        """Failures since the last success."""
        return self._failures

    def reset(self) -> None:
        """Record a success."""
        self._failures = 0

    def next_s(self) -> float:
        """Record a failure and return how long to pause after it."""
        pause_s = self._pauses_s[min(self._failures, len(self._pauses_s) - 1)]
        self._failures += 1
        return pause_s
