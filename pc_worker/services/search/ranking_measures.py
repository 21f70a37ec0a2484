"""How good a ranking is: nDCG, recall and reciprocal rank against graded judgements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log2

Grades = Mapping[str, float]  # what is relevant, from 1; what is missing is not


def ndcg(ranking: Sequence[str], grades: Grades, *, depth: int) -> float:
    """Give the normalised discounted cumulative gain, 0..1, with the grade itself as gain.

    >>> ndcg(["b", "a"], {"a": 1}, depth=10)
    0.6309297535714575
    """
    best = sorted(grades.values(), reverse=True)[:depth]
    ideal = _discounted(best)
    return _discounted([grades.get(found, 0.0) for found in ranking[:depth]]) / ideal if ideal else 0.0


def _discounted(gains: Sequence[float]) -> float:
    return sum(gain / log2(rank + 1) for rank, gain in enumerate(gains, start=1))


def recall(ranking: Sequence[str], grades: Grades, *, depth: int) -> float:
    """Give the share of what is relevant that is among the first ``depth``.

    >>> recall(["x", "a"], {"a": 2, "b": 1}, depth=10)
    0.5
    """
    relevant = {name for name, grade in grades.items() if grade > 0}
    return len(relevant & set(ranking[:depth])) / len(relevant) if relevant else 0.0


def reciprocal_rank(ranking: Sequence[str], grades: Grades) -> float:
    """Give 1 ÷ the rank of the first relevant one; 0 if there is none.

    >>> reciprocal_rank(["x", "a"], {"a": 1})
    0.5
    """
    return next((1 / rank for rank, found in enumerate(ranking, start=1) if grades.get(found, 0.0) > 0), 0.0)
