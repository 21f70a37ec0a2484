"""Memory over time, as a table and as a picture."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from itertools import groupby
from pathlib import Path
from typing import Any

PARTS = ("gateway", "workers", "redis")


@dataclass(frozen=True, slots=True)
class MemorySample:
    """Resident memory in MiB after ``seconds``; of all its processes where a part has several."""

    seconds: float
    phase: str
    gateway: float
    workers: float
    redis: float


def write_table(samples: Sequence[MemorySample], path: Path) -> None:
    """Write the samples as CSV."""
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow([field.name for field in fields(MemorySample)])
        for sample in samples:
            table.writerow([value if isinstance(value, str) else f"{value:.1f}" for value in astuple(sample)])


def draw(samples: Sequence[MemorySample], path: Path) -> None:
    """Draw them, one panel a part, the phases shaded."""
    import matplotlib as mpl  # only this picture needs it

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure: Any
    figure, panels = plt.subplots(3, 1, figsize=(9, 7), sharex=True, layout="constrained")
    seconds = [sample.seconds for sample in samples]
    for axes, part in zip(panels, PARTS, strict=True):
        axes.plot(seconds, [getattr(sample, part) for sample in samples])
        axes.set(ylabel=f"{part}, MiB", ylim=(0, None))
        for phase, mine in groupby(samples, key=lambda sample: sample.phase):
            times = [sample.seconds for sample in mine]
            if phase == "stalled":
                axes.axvspan(
                    times[0], times[-1], color="orange", alpha=0.15, label="clients stand still, ingest goes on"
                )
            if phase == "reading":
                axes.axvspan(times[0], times[-1], color="green", alpha=0.2, label="clients read what they missed")
    panels[0].legend(loc="lower right")
    panels[-1].set(xlabel="seconds")
    figure.savefig(path, dpi=110)
    plt.close(figure)
