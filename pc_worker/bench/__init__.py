"""Benchmarks: each measures us and a named baseline in one run and gives the ratio."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


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
    """The figures of one benchmark."""

    name: str
    figures: list[Figure]

    def to_dict(self) -> dict[str, Any]:
        """Give the result as plain JSON values."""
        return asdict(self)
