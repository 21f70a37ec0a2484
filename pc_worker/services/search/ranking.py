"""The order of a query's rows: candidates of each list, and their fusion.

The order depends on the query, the mode, the filter and the weights only: pages joined equal one long list. That list
has ranges with fixed ends, for every ``k`` and ``offset``. The rows of the first range are the best of two short lists,
which is fast and as good as with longer ones. The next range reads longer lists and leaves out the rows before it. The
scores of a range are at most the last score of the range before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from pc_worker.services.search.request import MAX_K, MAX_OFFSET
from pc_worker.store.db.connection import Cursor
from pc_worker.store.search.bm25 import QueryTerms, matching
from pc_worker.store.search.fusion import (
    CandidateLists,
    ExactScores,
    FusedRow,
    ListWeights,
    Scale,
    best_first,
    fuse,
    scale_of,
    single,
)
from pc_worker.store.search.hits import KnownScores, complete_scores
from pc_worker.store.search.nearest import nearest
from pc_worker.store.search.scope import Candidates, Scope


@dataclass(frozen=True, slots=True)
class Range:
    """A range of the ranking: ends after ``end`` rows, which are the best of two lists of these lengths."""

    end: int
    vectors: int
    texts: int


LAST = MAX_OFFSET + MAX_K
#: On judged collections the first ten hits are as good with 15 vectors and 100 texts as with 200 of each; a filtered
#: search of 100 vectors takes five times as long as one of 15. Few requests go beyond the first two ranges.
FUSED = (Range(15, 15, 100), Range(MAX_K, 2 * MAX_K, 2 * MAX_K), Range(LAST, LAST, LAST))
#: A list that is searched alone is its own order.
ALONE = tuple(Range(end, end, end) for end in (10, MAX_K, LAST))


@dataclass(frozen=True, slots=True, kw_only=True)
class RankedQuery:
    """What the lists are searched for; None = the list is not used."""

    vector: str | None
    terms: QueryTerms | None
    weights: ListWeights = field(default_factory=ListWeights)


def rank(cursor: Cursor, scope: Scope, query: RankedQuery, *, last: int) -> list[FusedRow]:
    """Return the rows of the scope, best first: at least the first ``last`` ones, if the scope has them."""
    rows: list[FusedRow] = []
    scale: Scale | None = None
    for part in ALONE if query.terms is None or query.vector is None else FUSED:
        lists = _lists(cursor, scope, query, part)
        scores = _scores(cursor, scope, query, lists)
        if scale is None and scores is not None:
            scale = scale_of(scores, query.weights)
        found = _order(lists, scores, scale)
        rows += _following(rows, found)[: part.end - len(rows)]
        if last <= part.end or len(rows) < part.end:
            break
    return rows


def _following(rows: Sequence[FusedRow], found: Sequence[FusedRow]) -> Sequence[FusedRow]:
    """Return the found rows that come after ``rows``, with no score above the last one of these."""
    if not rows:
        return found
    known, most = {row.row_id for row in rows}, rows[-1].score
    return best_first([replace(row, score=min(row.score, most)) for row in found if row.row_id not in known])


def _lists(cursor: Cursor, scope: Scope, query: RankedQuery, part: Range) -> CandidateLists:
    vector: Candidates | None = None
    text: Candidates | None = None
    if query.terms is not None:
        # The lower ranks hardly change a fusion and are expensive to prove.
        certain = 1 if query.vector is not None else part.end
        text = matching(cursor, scope, query.terms, limit=part.texts, wanted=part.end, certain=certain)
    if query.vector is not None:
        vector = nearest(cursor, scope, query.vector, limit=part.vectors, wanted=part.vectors)
    return CandidateLists(vector=vector, text=text, weights=query.weights)


def _scores(cursor: Cursor, scope: Scope, query: RankedQuery, lists: CandidateLists) -> ExactScores | None:
    """Return both exact scores of the rows of both lists; None if only one list is used."""
    if query.terms is None or query.vector is None or lists.text is None or lists.vector is None:
        return None
    known = KnownScores(vector=lists.vector.by_id if scope.one_vector_per_row else {}, text=lists.text.by_id)
    return complete_scores(cursor, scope, lists.union, known, vector=query.vector, terms=query.terms)


def _order(lists: CandidateLists, scores: ExactScores | None, scale: Scale | None) -> list[FusedRow]:
    return single(lists) if scores is None or scale is None else fuse(lists, scores, scale)
