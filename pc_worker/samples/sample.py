"""A sample file, what an ingest of it should report, and how it gets onto the disk."""

from __future__ import annotations

import pickle
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pc_worker.atomic_files import replacing
from pc_worker.domains import Options

SampleOutcome = Literal["written", "skipped", "dead"]


@dataclass(frozen=True, slots=True)
class Expected:
    """How many rows a first ingest writes, skips and refuses."""

    written: int
    skipped: int = 0
    dead: int = 0


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample file.

    Attributes:
        path: Where it lies.
        domain: The domain to ingest it into.
        options: The options to ingest it with.
        rows: How many rows it has.
        expected: Their outcomes, as known from their generation.
    """

    path: Path
    domain: str
    options: Options
    rows: int
    expected: Expected


def count(outcomes: Iterable[SampleOutcome]) -> Expected:
    """Return the counts of ``outcomes``, which has one item per row."""
    seen = list(outcomes)
    return Expected(seen.count("written"), seen.count("skipped"), seen.count("dead"))


def write_pickle(value: object, path: Path) -> None:
    """Pickle ``value`` to ``path``, which changes in one step."""
    with replacing(path, mode=0o644) as file:
        pickle.dump(value, file, protocol=5)
