"""A made-up vector space in which skills of one category are near each other."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from pc_worker.samples.pools import pools

DIMENSION = 1536
_SEED = 20261120
# A category's share of a skill's direction: two skills of one category then have a cosine near 0.5.
_CATEGORY_SHARE = 0.5


@functools.cache
def _directions() -> dict[str, NDArray[np.float64]]:
    """Return a unit vector per skill, shape (DIMENSION,)."""
    random = np.random.default_rng(_SEED)
    directions = {}
    for skills in pools().skills.values():
        centre = _unit(random.normal(size=DIMENSION))
        for skill in skills:
            own = _unit(random.normal(size=DIMENSION))
            directions[skill] = _unit(_CATEGORY_SHARE**0.5 * centre + (1 - _CATEGORY_SHARE) ** 0.5 * own)
    return directions


def skills_vector(skills: Sequence[str]) -> NDArray[np.float64]:
    """Return the unit vector of a set of skills: shape (DIMENSION,)."""
    directions = _directions()
    return _unit(np.sum([directions[skill] for skill in skills], axis=0))


def as_json(vector: NDArray[np.float64]) -> str:
    """Return ``vector``, shape (DIMENSION,), as JSON text with six decimals."""
    return msgspec.json.encode(np.round(vector, 6).tolist()).decode()


def _unit(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    return vector / np.linalg.norm(vector)
