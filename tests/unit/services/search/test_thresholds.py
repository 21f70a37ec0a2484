"""When a search's first page is probably of no use."""

from __future__ import annotations

import pytest

from pc_worker.services.search.reply import Reranking, SearchHit, SearchResult
from pc_worker.services.search.request import Mode
from pc_worker.services.search.thresholds import weakness


def result(mode: Mode, *scores: float, reranked: bool = False) -> SearchResult:
    hits = (SearchHit(id=str(n), score=s, vector_score=None, text_score=None, payload={}) for n, s in enumerate(scores))
    rerank = Reranking(applied=True, model="m") if reranked else None
    return SearchResult(query="q", domain="d", mode=mode, took_ms=1.0, hits=tuple(hits), rerank=rerank)


@pytest.mark.parametrize(
    ("found", "kind"),
    [
        (result("hybrid"), "none"),
        (result("text"), "none"),
        (result("hybrid", 0.2, 0.1), "low"),
        (result("vector", 0.39), "low"),
        (result("vector", 0.4), None),
        (result("hybrid", 1.3, 0.1), None),
        (result("text", 0.01), None),
        (result("hybrid", 0.01, reranked=True), None),
    ],
)
def test_a_page_without_hits_or_with_a_low_best_score_is_weak(found: SearchResult, kind: str | None) -> None:
    assert weakness(found) == kind
