"""The order of a query's rows: candidates of each list, their fusion, and where the first rows end.

The order depends on the query, the mode, the filter and the weights only, so that pages joined equal one long list.
The first ``DEPTH`` rows are the best of two lists of ``DEPTH`` rows, for every page. Only pages beyond them
read longer lists; their rows follow the first ones and score no more than the last of these.
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
from pc_worker.store.search.hits import similarities, text_scores
from pc_worker.store.search.nearest import nearest
from pc_worker.store.search.scope import Candidates, Scope

#: Rows of each list. On judged collections lists of 50, 100 and 200 lead to the same quality.
DEPTH = 100
#: Rows of each list for pages beyond the first ``DEPTH`` rows: as far as a request may go.
FULL_DEPTH = MAX_OFFSET + MAX_K


@dataclass(frozen=True, slots=True, kw_only=True)
class RankedQuery:
    """What the lists are searched for; None = the list is not used."""

    vector: str | None
    terms: QueryTerms | None
    weights: ListWeights = field(default_factory=ListWeights)


def rank(cursor: Cursor, scope: Scope, query: RankedQuery, *, last: int) -> list[FusedRow]:
    """Return the rows of the scope, best first: at least the first ``last`` ones, if the scope has them."""
    lists = _lists(cursor, scope, query, depth=DEPTH, last=last)
    scores, scale = _scores(cursor, scope, query, lists), None
    if scores is not None:
        scale = scale_of(scores, query.weights)
    rows = _order(lists, scores, scale)
    if last <= DEPTH or len(rows) < DEPTH:
        return rows[:DEPTH]
    first = rows[:DEPTH]
    return first + _following(cursor, scope, query, first, scale, last)


def _following(
    cursor: Cursor, scope: Scope, query: RankedQuery, first: Sequence[FusedRow], scale: Scale | None, last: int
) -> list[FusedRow]:
    """Return the rows after ``first``, with the same scale, and no score above the last one of ``first``."""
    lists = _lists(cursor, scope, query, depth=FULL_DEPTH, last=last)
    rows = _order(lists, _scores(cursor, scope, query, lists), scale)
    known, most = {row.row_id for row in first}, first[-1].score
    return best_first([replace(row, score=min(row.score, most)) for row in rows if row.row_id not in known])


def _lists(cursor: Cursor, scope: Scope, query: RankedQuery, *, depth: int, last: int) -> CandidateLists:
    vector: Candidates | None = None
    text: Candidates | None = None
    if query.terms is not None:
        # The lower ranks hardly change a fusion and are expensive to prove.
        certain = 1 if query.vector is not None else min(last, depth)
        text = matching(cursor, scope, query.terms, limit=depth, wanted=depth, certain=certain)
    if query.vector is not None:
        vector = nearest(cursor, scope, query.vector, limit=depth, wanted=depth)
    return CandidateLists(vector=vector, text=text, weights=query.weights)


def _scores(cursor: Cursor, scope: Scope, query: RankedQuery, lists: CandidateLists) -> ExactScores | None:
    """Return both exact scores of the rows of both lists; None if there is one list only."""
    if query.vector is None or query.terms is None:
        return None
    union = lists.union
    by_vector = similarities(cursor, scope, union, query.vector)
    by_text = text_scores(cursor, scope, union, query.terms)
    return {row_id: (by_vector.get(row_id), by_text.get(row_id, 0.0)) for row_id in union}


def _order(lists: CandidateLists, scores: ExactScores | None, scale: Scale | None) -> list[FusedRow]:
    return single(lists) if scores is None or scale is None else fuse(lists, scores, scale)
