"""Order the best hits of a query again by a model that reads query and text together.

The number of reranked hits is fixed: the order does not depend on the page. Their final score is the reranker's.
Hits after them follow in their order, with no score above the last reranked one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING

from pc_worker.metrics import line as metrics
from pc_worker.services.search.reply import Reranking, SearchHit

if TYPE_CHECKING:  # only a type: most searches need no encoder
    from pc_worker.encoding.rerank import Reranker

#: Characters of a text that a reranker reads; models read some hundred words.
MAX_TEXT_CHARS = 4_000
NONE_CONFIGURED = "no reranker is configured: set PC_WORKER_RERANKER"


def rerank(hits: Sequence[SearchHit], query: str, reranker: Reranker | None) -> tuple[list[SearchHit], Reranking]:
    """Return the hits in the reranker's order, or unchanged with the reason why not."""
    if reranker is None:
        return list(hits), Reranking(applied=False, model=None, reason=NONE_CONFIGURED)
    from pc_worker.encoding.rerank import RerankFailed

    best, others = list(hits[: reranker.depth]), hits[reranker.depth :]
    started = perf_counter()
    try:
        scores = reranker.scores(query, [_text(hit) for hit in best]) if best else []
    except RerankFailed as exc:
        metrics.RERANKS_FAILED.inc()
        return list(hits), Reranking(applied=False, model=reranker.name, reason=str(exc))
    metrics.RERANK_SECONDS.observe(perf_counter() - started)
    order = sorted(range(len(best)), key=lambda place: -scores[place])  # stable: equal scores keep the fused order
    ranked = [_scored(best[place], scores[place]) for place in order]
    following = [replace(hit, score=min(hit.score, ranked[-1].score)) for hit in others]
    return ranked + following, Reranking(applied=True, model=reranker.name)


def _scored(hit: SearchHit, score: float) -> SearchHit:
    explain = None if hit.explain is None else replace(hit.explain, rerank=score)
    return replace(hit, score=score, explain=explain)


def _text(hit: SearchHit) -> str:
    if hit.passage is not None:
        return hit.passage.text[:MAX_TEXT_CHARS]
    values = (str(value) for value in hit.payload.values() if isinstance(value, str | int | float | list))
    return "\n".join(values)[:MAX_TEXT_CHARS].strip() or "-"  # servers refuse empty texts
