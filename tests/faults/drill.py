"""A drill is one row of the fault table while it is run: injects, counts, measures, and asks the oracle each time."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.faults.oracle import Findings
from tests.faults.rig import Rig, Work


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One row of the table.

    Attributes:
        name: How it is asked for.
        matrix: The rows of the reliability notes' matrix that it covers.
        what: One phrase for the table.
        times: How often it is injected in a full run.
        run: Injects it; everything it does is noted in the drill.
        volume: The volume that must be fillable, else the row is left out.
    """

    name: str
    matrix: str
    what: str
    times: int
    run: Callable[[Drill], None]
    volume: str = ""


@dataclass(slots=True)
class Drill:
    """What a row of the table has come to."""

    rig: Rig
    fault: Fault
    times: int
    #: Jobs are no larger than this.
    most_rows: int = 1000
    injected: int = 0
    #: Seconds from an injection to the next chunk done …
    moved_s: list[float] = field(default_factory=list)
    #: … and from the last injection of a job to everything of it being there, in the consumers too.
    settled_s: list[float] = field(default_factory=list)
    findings: Findings = field(default_factory=Findings)
    notes: list[str] = field(default_factory=list)

    def under_load(
        self, inject: Callable[[Work], int | None], *, rows: int = 600, chunk_size: int = 5, most_a_job: int = 1000
    ) -> None:
        """Inject while jobs run, at most once after each chunk; ``inject`` returns how many it injected (None = 1)."""
        while self.injected < self.times:
            work = self.rig.begin(rows=min(rows, self.most_rows), chunk_size=chunk_size)
            last, before = time.monotonic(), self.injected
            done = self.rig.moved(work, 0)
            while done != -1 and self.injected < min(self.times, before + most_a_job):
                time.sleep(self.rig.random.uniform(0, 0.2))
                count = inject(work)
                last = time.monotonic()
                self.injected += 1 if count is None else count
                done = self.rig.moved(work, self.rig.done(work))
                self.moved_s.append(time.monotonic() - last)
                self.look()
            self.settle(work, since=last)
            assert self.injected > before or self.findings.words == [], "a job went wrong before anything was injected"

    def settle(self, work: Work, *, since: float, state: str = "completed") -> None:
        """Wait for the job's end and let the oracle compare everything."""
        self.note(self.rig.finish(work, state=state))
        self.check()
        self.settled_s.append(time.monotonic() - since)

    def look(self) -> None:
        """Ask the oracle for what must hold at any instant."""
        self.note(self.rig.check_now())

    def check(self) -> None:
        """Ask the oracle for everything, with no job open."""
        self.note(self.rig.check_settled())

    def expect(self, right: bool, otherwise: str) -> None:
        """Note a finding unless ``right``."""
        if not right:
            self.findings.add(otherwise, lost=1)

    def note(self, findings: Findings) -> None:
        """Add findings to those of the row."""
        self.findings.lost += findings.lost
        self.findings.doubled += findings.doubled
        self.findings.words += findings.words


def spread(values: list[float]) -> str:
    """Return median and maximum of some times."""
    return f"{statistics.median(values):.1f} / {max(values):.1f}" if values else "-"
