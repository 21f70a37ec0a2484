"""How a hit got its score: its rank and score in each list, and what the fusion made of them."""

from __future__ import annotations

from pc_worker.services.search.reply import Explanation, ListScore
from pc_worker.store.search.scores.fusion import FusedRow, ListPlace


def explanation(row: FusedRow) -> Explanation:
    """Return how the row got its score."""
    return Explanation(vector=_place(row.vector), text=_place(row.text), fused=row.score)


def _place(place: ListPlace | None) -> ListScore | None:
    return None if place is None else ListScore(rank=place.rank, score=place.score, fused=place.share)
