"""Benchmarks: each measures our code and a named baseline in one run and reports the ratio."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from pc_worker.bench.processor import processor


@dataclass(frozen=True, slots=True)
class Figure:
    """One thing measured twice; ``ratio`` = how many times as good as the baseline we are."""

    label: str
    ours: float
    baseline: float
    ratio: float
    must: float | None
    target: float | None
    unit: str


@dataclass(frozen=True, slots=True)
class BenchResult:
    """The figures of one benchmark, and the processor that they were measured on."""

    name: str
    figures: list[Figure]
    processor: str = field(default_factory=processor)

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain JSON values."""
        return asdict(self)
