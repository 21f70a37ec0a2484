"""How a hit got its score: its rank and score in each list, and what the fusion made of them."""

from __future__ import annotations

from pc_worker.services.search.reply import Explanation, Place
from pc_worker.store.search.fusion import RRF_K, CandidateLists, RankedRow
from pc_worker.store.search.scope import Candidates


def explanation(row: RankedRow, lists: CandidateLists) -> Explanation:
    """Return how ``row`` got its score from ``lists``."""
    alone = lists.near is None or lists.text is None
    return Explanation(
        vector=_place(row.row_id, lists.near, row.similarity, None if alone else lists.near_weight),
        text=_place(row.row_id, lists.text, row.text_score, None if alone else lists.text_weight),
        fused=float(row.score),
    )


def _place(row_id: str, found: Candidates | None, score: float | None, weight: float | None) -> Place | None:
    """Return the row's place in a list; a list that is alone (``weight`` None) keeps its own score."""
    if found is None:
        return None
    ranks = {known: rank for rank, known in enumerate(found.ids, start=1)}
    rank = ranks.get(row_id)
    share = 0.0 if rank is None else found.scores[rank - 1] if weight is None else weight / (RRF_K + rank)
    return Place(rank=rank, score=score, fused=share)
