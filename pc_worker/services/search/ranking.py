"""The order of a query's rows: candidates of each list, and their fusion.

The order depends on the query, the mode, the filter and the weights only: pages joined equal one long list. That list
has ranges with fixed ends, for every ``k`` and ``offset``. The rows of the first range are the best of two short lists,
which is fast and as good as with longer ones. The next range reads longer lists and leaves out the rows before it. The
scores of a range are at most the last score of the range before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from pc_worker.services.search.request import MAX_K, MAX_OFFSET
from pc_worker.services.search.weights import JUDGED_CHARS, RowJudge
from pc_worker.store.db.connection import Cursor
from pc_worker.store.search.hits import KnownScores, complete_scores
from pc_worker.store.search.row_texts import read_beginnings
from pc_worker.store.search.scope import Candidates, Scope
from pc_worker.store.search.scores.bm25 import QueryTerms, matching
from pc_worker.store.search.scores.feedback import ROWS as FEEDBACK_ROWS
from pc_worker.store.search.scores.feedback import Expansion, expand
from pc_worker.store.search.scores.fusion import (
    CandidateLists,
    ExactScores,
    FusedRow,
    ListWeights,
    Scale,
    best_first,
    fuse,
    scale_of,
)
from pc_worker.store.search.scores.nearest import nearest
from pc_worker.tracing import span


@dataclass(frozen=True, slots=True)
class RankingRange:
    """A range of the ranking: ends after ``end`` rows, which are the best of two lists of these lengths.

    ``extended`` is the length of the list by vectors that an extended query scores again; None = ``vectors``.
    """

    end: int
    vectors: int
    texts: int
    extended: int | None = None


LAST = MAX_OFFSET + MAX_K
#: On judged collections the first ten hits are as good with 15 vectors and 100 texts as with 200 of each; a filtered
#: search of 100 vectors takes five times as long as one of 15. Few requests go beyond the first two ranges. The rows
#: nearest to an extended query are among the 40 nearest to the query, which an unfiltered search visits anyway.
FUSED = (
    RankingRange(15, 15, 100, extended=40),
    RankingRange(MAX_K, 2 * MAX_K, 2 * MAX_K),
    RankingRange(LAST, LAST, LAST),
)
#: Certain ranks of a list by words that is fused: the lower ones hardly change a fusion and are expensive to prove.
CERTAIN = 1
#: A list that is searched alone is its own order; feedback changes that order, so it needs longer lists too.
ALONE = tuple(RankingRange(end, end, end) for end in (10, MAX_K, LAST))


@dataclass(frozen=True, slots=True, kw_only=True)
class RankedQuery:
    """What the lists are searched for; None = the list is not used.

    Attributes:
        vector: The query's vector as pgvector's text.
        terms: The query's terms.
        weights: How much each list counts.
        judge: Judges how much the vector of a row counts; None = all count alike.
        feedback: Whether the query is extended by its best rows.
        expansion: The extended query: its scores decide the order of the rows that the query itself finds.
    """

    vector: str | None
    terms: QueryTerms | None
    weights: ListWeights = field(default_factory=ListWeights)
    judge: RowJudge | None = None
    feedback: bool = False
    expansion: Expansion | None = None

    @property
    def alone(self) -> bool:
        """Whether one list is used."""
        return self.vector is None or self.terms is None


class Lists:
    """The lists of one search, each read once: an extended query scores those of the query itself again."""

    def __init__(self, cursor: Cursor, scope: Scope, query: RankedQuery, texts: Candidates | None) -> None:
        self._cursor, self._scope, self._query = cursor, scope, query
        self._texts: dict[RankingRange, Candidates] = {} if texts is None else {FUSED[0]: texts}
        self._vectors: dict[RankingRange, Candidates] = {}
        self._shares: dict[str, float] = {}

    def text(self, part: RankingRange) -> Candidates | None:
        """Return the rows by the query's own terms; None if these are not used."""
        if self._query.terms is None:
            return None
        if part not in self._texts:
            certain = part.end if self._query.alone else CERTAIN
            self._texts[part] = matching(
                self._cursor, self._scope, self._query.terms, limit=part.texts, wanted=part.end, certain=certain
            )
        return self._texts[part]

    def vector(self, part: RankingRange, *, extended: bool) -> Candidates | None:
        """Return the rows nearest to the query's own vector, more of them for an extended query; None without one."""
        if self._query.vector is None:
            return None
        if part not in self._vectors:
            self._vectors[part] = nearest(
                self._cursor, self._scope, self._query.vector, limit=self._nearest(part), wanted=part.vectors
            )
        found = self._vectors[part]
        return found if extended else found.first(part.vectors)

    def shares(self, ids: Sequence[str]) -> Mapping[str, float]:
        """Return how much the vector of each row counts; empty if all count alike."""
        judge, new = self._query.judge, [row_id for row_id in ids if row_id not in self._shares]
        if judge is not None and not self._query.alone and new:
            texts = read_beginnings(self._cursor, self._scope.profile, new, chars=JUDGED_CHARS)
            self._shares |= {row_id: judge(text) for row_id, text in texts.items()}
        return self._shares

    def _nearest(self, part: RankingRange) -> int:
        # With a filter, the index visits many neighbours for each further row, which is not worth it.
        if part.extended is None or self._scope.filter is not None or not self._query.feedback:
            return part.vectors
        return part.extended


def first_texts(cursor: Cursor, scope: Scope, terms: QueryTerms) -> Candidates:
    """Return the first list by words of a hybrid search, which needs no vector yet."""
    part = FUSED[0]
    with span("text list"):
        return matching(cursor, scope, terms, limit=part.texts, wanted=part.end, certain=CERTAIN)


def rank(
    cursor: Cursor, scope: Scope, query: RankedQuery, *, last: int, texts: Candidates | None = None
) -> list[FusedRow]:
    """Return the rows of the scope, best first: at least the first ``last`` ones, if the scope has them.

    ``texts`` is the first list by words if it was read already; a search by one list has others.
    """
    lists = Lists(cursor, scope, query, None if query.alone else texts)
    if query.feedback:
        best = [row.row_id for row in _ranked(cursor, scope, query, lists, last=FEEDBACK_ROWS)[:FEEDBACK_ROWS]]
        query = replace(query, expansion=expand(cursor, scope, best, vector=query.vector, terms=query.terms))
    return _ranked(cursor, scope, query, lists, last=last)


def _ranked(cursor: Cursor, scope: Scope, query: RankedQuery, lists: Lists, *, last: int) -> list[FusedRow]:
    rows: list[FusedRow] = []
    scale: Scale | None = None
    for part in ALONE if query.alone and not query.feedback else FUSED:
        found = _candidates(lists, query, part)
        scores = _scores(cursor, scope, query, found)
        scale = scale or scale_of(scores, found)
        # Of the first range only the best rows are wanted; which ones of a later range follow depends on all of them.
        fused = fuse(found, scores, scale, limit=None if rows else part.end)
        rows += _following(rows, fused)[: part.end - len(rows)]
        if last <= part.end or len(rows) < part.end:
            break
    return rows


def _following(rows: Sequence[FusedRow], found: Sequence[FusedRow]) -> Sequence[FusedRow]:
    """Return the found rows that come after ``rows``, with no score above the last one of these."""
    if not rows:
        return found
    known, most = {row.row_id for row in rows}, rows[-1].score
    return best_first([replace(row, score=min(row.score, most)) for row in found if row.row_id not in known])


def _candidates(lists: Lists, query: RankedQuery, part: RankingRange) -> CandidateLists:
    vector = lists.vector(part, extended=query.expansion is not None)
    found = CandidateLists(vector=vector, text=lists.text(part), weights=query.weights)
    return replace(found, shares=lists.shares(found.union))


def _scores(cursor: Cursor, scope: Scope, query: RankedQuery, lists: CandidateLists) -> ExactScores:
    """Return both exact scores of the rows of both lists; those of a list that is not used are None and 0."""
    asked = query.expansion or query
    by_vector = lists.vector.by_id if lists.vector is not None and query.expansion is None else {}
    by_text = lists.text.by_id if lists.text is not None and query.expansion is None else {}
    if query.alone and query.expansion is None:
        return {row_id: (by_vector.get(row_id), by_text.get(row_id, 0.0)) for row_id in lists.union}
    known = KnownScores(vector=by_vector if scope.one_vector_per_row else {}, text=by_text)
    return complete_scores(cursor, scope, lists.union, known, vector=asked.vector, terms=asked.terms)
