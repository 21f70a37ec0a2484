"""The time that this process itself needed for something: what others took of the machine meanwhile does not count."""

from __future__ import annotations

from time import perf_counter, process_time


class OwnTime:
    """Runs from its making on."""

    def __init__(self) -> None:
        self._wall, self._cpu = perf_counter(), process_time()

    @property
    def seconds(self) -> float:
        """Seconds of work so far; with several threads at once the time on the clock, which is then the shorter one."""
        return min(perf_counter() - self._wall, process_time() - self._cpu)
