"""Draws made-up but plausible rows: always the same ones."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pc_worker.samples.pools import pools
from pc_worker.samples.sample import SampleOutcome

T = TypeVar("T")
Row = dict[str, object]


class Dice:
    """A seeded source of choices."""

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)

    def one(self, choices: Sequence[T]) -> T:
        """Return one of ``choices``."""
        return choices[int(self._random.integers(len(choices)))]

    def some(self, choices: Sequence[T], least: int, most: int) -> list[T]:
        """Return ``least`` to ``most`` different ones of ``choices``, in random order."""
        number = min(self.number(least, most), len(choices))
        return [choices[int(i)] for i in self._random.permutation(len(choices))[:number]]

    def number(self, least: int, most: int) -> int:
        """Return a whole number, both ends included."""
        return int(self._random.integers(least, most + 1))

    def chance(self, probability: float) -> bool:
        """Return True in that share of the calls."""
        return bool(self._random.random() < probability)

    def category_and_skills(self) -> tuple[str, list[str]]:
        """Return a category with two to nine skills, most of them its own."""
        skills_of = pools().skills
        category = self.one(list(skills_of))
        skills = self.some(skills_of[category], 2, 6) + self.some(skills_of[self.one(list(skills_of))], 0, 3)
        return category, list(dict.fromkeys(skills))


@dataclass(frozen=True, slots=True)
class Oddity:
    """Changes to a row that lead to another outcome than being written."""

    changes: Mapping[str, object]
    outcome: SampleOutcome


def with_oddities(rows: list[Row], oddities: Sequence[Oddity]) -> tuple[list[Row], list[SampleOutcome]]:
    """Return the rows with the unusual values spread evenly over them, and the outcome of each row."""
    outcomes: list[SampleOutcome] = ["written"] * len(rows)
    step = len(rows) // (len(oddities) + 1)
    for place, oddity in enumerate(oddities, start=1):
        rows[place * step] |= oddity.changes
        outcomes[place * step] = oddity.outcome
    return rows, outcomes


def row_id(domain: str, number: int) -> str:
    """Return the UUID v5 of a made-up row."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"https://sample.invalid/{domain}/{number}"))


def object_array(items: Sequence[str | None]) -> NDArray[np.object_]:
    """Return an array of texts, shape (len(items),), as the predecessors' files have them."""
    array = np.empty(len(items), dtype=object)
    array[:] = items
    return array


def object_frame(rows: Sequence[Row], **dtypes: str) -> pd.DataFrame:
    """Return a frame whose columns are all ``object`` except those that ``dtypes`` names."""
    columns = {name: pd.Series([row[name] for row in rows], dtype=dtypes.get(name, "object")) for name in rows[0]}
    frame = pd.DataFrame(columns)
    frame.columns = pd.Index(list(columns), dtype=object)
    return frame
