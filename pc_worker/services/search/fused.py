"""Join the hits of several queries that ask for the same thing."""

from __future__ import annotations

from collections.abc import Sequence

from pc_worker.services.search.reply import SearchHit

#: Of reciprocal rank fusion: how little the first ranks differ.
RANKS = 60
#: A hit, and the place of the query that ranks it best.
FusedHit = tuple[SearchHit, int]


def fused(lists: Sequence[Sequence[SearchHit]]) -> list[FusedHit]:
    """Return the hits of all lists by reciprocal rank fusion.

    The first list is that of the query itself: it counts as much as all others together, because a model wrote the
    texts of the others. A single list keeps its order.
    """
    scores: dict[str, float] = {}
    best: dict[str, tuple[int, int, SearchHit]] = {}
    for place, hits in enumerate(lists):
        weight = 1.0 if place == 0 else 1.0 / (len(lists) - 1)
        for rank, hit in enumerate(hits):
            scores[hit.id] = scores.get(hit.id, 0.0) + weight / (RANKS + rank)
            found = (rank, place, hit)
            best[hit.id] = min(best.get(hit.id, found), found, key=lambda one: one[:2])
    ordered = sorted(best, key=lambda row_id: (-scores[row_id], best[row_id][:2]))
    return [(best[row_id][2], best[row_id][1]) for row_id in ordered]
