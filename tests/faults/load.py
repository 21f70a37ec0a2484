"""What the stack works on while it is hurt: recruits in generations, and which of them must be there in the end."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tests.support.frames import recruit_row, row_uuid, vector

DOMAIN = "recruit"
#: Rows share a few vectors, each long enough to be real; they distinguish generations, as the texts do.
VECTORS = [json.dumps([round(float(x), 3) for x in vector(number)]) for number in range(16)]


def title(number: int, generation: int) -> str:
    """Return the text that identifies the generation of a row."""
    return f"Engineer {number} of generation {generation}"


def vector_text(number: int, generation: int) -> str:
    """Return the vector of a row in a generation, as the source has it."""
    return VECTORS[(number * 5 + generation) % len(VECTORS)]


def vector_of(number: int, generation: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return the same as numbers."""
    return np.array(json.loads(vector_text(number, generation)), dtype=np.float32)


def write_source(
    path: Path, numbers: Sequence[int], generation: int, *, changes: Mapping[int, Mapping[str, Any]] | None = None
) -> Path:
    """Write rows of one generation; ``changes`` by row number spoil some of them."""
    rows = [
        recruit_row(n, **{"Position": title(n, generation), "skill_vector": vector_text(n, generation)})
        | dict((changes or {}).get(n, {}))
        for n in numbers
    ]
    pd.DataFrame(rows).to_pickle(path)
    return path


@dataclass(slots=True)
class Truth:
    """What must be stored: row number → generation, and the row ids both ways."""

    generations: dict[int, int] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    #: Rows that an unfinished or refused job may or may not have brought to a generation.
    maybe: dict[int, set[int]] = field(default_factory=dict)

    def settle(self, numbers: Sequence[int], generation: int) -> None:
        """Record that these rows are now stored in this generation."""
        for number in numbers:
            self.generations[number] = generation
            self.numbers[row_uuid(number)] = number
            self.maybe.pop(number, None)

    def doubt(self, numbers: Sequence[int], generation: int) -> None:
        """Record that each of these rows may have reached this generation."""
        for number in numbers:
            self.numbers[row_uuid(number)] = number
            self.maybe.setdefault(number, set()).add(generation)

    def forget(self, numbers: Sequence[int]) -> None:
        """Record that these rows must not exist any more."""
        for number in numbers:
            self.generations.pop(number, None)
            self.numbers.pop(row_uuid(number), None)
            self.maybe.pop(number, None)

    def missing(self, found: Mapping[str, str]) -> list[str]:
        """Return rows of ``found`` (id → text) that are missing or not in their generation."""
        return [
            f"row {number} is {found.get(row_uuid(number), 'missing')!r} instead of generation {generation}"
            for number, generation in self.generations.items()
            if not self._right(number, generation, found.get(row_uuid(number)))
        ]

    def _right(self, number: int, generation: int, text: str | None) -> bool:
        allowed = {generation, *self.maybe.get(number, ())}
        return text in {title(number, each) for each in allowed}

    def unexpected(self, found: Mapping[str, str]) -> list[str]:
        """Return ids of ``found`` that no source ever had."""
        return [row_id for row_id in found if row_id not in self.numbers]


def new_job_id() -> str:
    """Return an id for a job."""
    return str(uuid.uuid4())
