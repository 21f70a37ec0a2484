"""BM25: the rows that hold a query's words, scored by the textbook's formula over the counts stored with each row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from pc_worker.store.db.connection import Cursor
from pc_worker.store.search.filters import Parameters
from pc_worker.store.search.scope import Candidates, Scope, read_candidates
from pc_worker.store.search.statistics import CollectionStatistics, word_frequencies
from pc_worker.store.search.terms import DIMENSION

#: The rarest words of a query count; with more it is a document, for which there is `--like`.
MAX_WORDS = 64
#: Rows are first sought among those of the rarest words, up to so many rows, then among so many times more.
RARE_ROWS = 5_000
WIDER = 4

# Σ idf·tf·(k1+1)/(tf+K) with K = k1·(1−b+b·length/mean), written as (k1+1)·Σ idf·(1 − K/(tf+K)): the same number, but
# tf stands in it once. `<#>` is the negative inner product: with a vector of a single 1 it is minus tf.
SCORE = "%(k1_plus_1)s::float8 * ({words})"
WORD = "%(idf_{n})s::float8 * (1 - {norm} / ({norm} - (e.counts <#> %(unit_{n})s::sparsevec)))"
NORM = "(%(norm_base)s::float8 + %(norm_slope)s::float8 * greatest(e.length, 1))"

MATCHING = """
SELECT e.row_id, {score} AS score FROM row_terms e {filter}
WHERE e.domain = %(domain)s AND e.terms && %(candidates)s::integer[] {facets}
ORDER BY score DESC, e.row_id LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class QueryTerm:
    """A word of the query: its term, in how many rows it occurs, and its weight."""

    term: int
    documents: int
    idf: float


@dataclass(frozen=True, slots=True)
class QueryTerms:
    """A query's words, the rarest first, weighed by their collection."""

    collection: CollectionStatistics
    words: tuple[QueryTerm, ...] = ()

    def score_sql(self) -> tuple[str, Parameters]:
        """Give the score of ``row_terms e`` as SQL, and its parameters; 0 for a query without words."""
        if not self.words:
            return "0::float8", {}
        of = self.collection
        values: Parameters = {
            "k1_plus_1": of.k1 + 1,
            "norm_base": of.k1 * (1 - of.b),
            "norm_slope": of.k1 * of.b / (of.mean_length or 1),
        }
        for n, word in enumerate(self.words):
            values |= {f"idf_{n}": word.idf, f"unit_{n}": f"{{{word.term}:1}}/{DIMENSION}"}
        parts = " + ".join(WORD.format(n=n, norm=NORM) for n in range(len(self.words)))
        return SCORE.format(words=parts), values

    def rarest(self, rows: int) -> tuple[list[int], float]:
        """Give the terms of the rarest words, of ``rows`` rows at most, and the most that all others add to a score."""
        within = accumulate(word.documents for word in self.words)
        taken = max(1, sum(total <= rows for total in within))
        bound = sum(word.idf for word in self.words[taken:]) * (self.collection.k1 + 1)
        return [word.term for word in self.words[:taken]], bound


def weigh(cursor: Cursor, domain: str, terms: Sequence[int], known: CollectionStatistics | None) -> QueryTerms:
    """Weigh a query's terms by how rare they are in the domain."""
    collection, documents = word_frequencies(cursor, domain, terms, known)
    counts = sorted((documents.get(term, 0), term) for term in terms)[:MAX_WORDS]
    return QueryTerms(collection, tuple(QueryTerm(term, count, collection.idf(count)) for count, term in counts))


def matching(cursor: Cursor, scope: Scope, words: QueryTerms, *, limit: int, wanted: int, certain: int) -> Candidates:
    """Give up to ``limit`` rows by score, ``wanted`` if so many match; the best ``certain`` are exactly the best.

    Only rows that hold one of the rarest words are scored at first. A row that holds none of them cannot score more
    than all other words weigh together; while the last certain row scores less than that, more words are looked for.
    """
    found, rows, taken = Candidates(), RARE_ROWS, 0
    while taken < len(words.words):
        rarest, bound = words.rarest(rows)
        if len(rarest) > taken:
            found, taken = _score(cursor, scope, words, rarest, limit), len(rarest)
            if len(found.ids) >= wanted and found.scores[certain - 1] >= bound:
                break
        rows *= WIDER
    return found


def _score(cursor: Cursor, scope: Scope, words: QueryTerms, candidates: Sequence[int], limit: int) -> Candidates:
    score, values = words.score_sql()
    facets = "AND e.terms @> %(facets)s::integer[]" if scope.facets else ""
    statement = MATCHING.format(score=score, filter=scope.candidate_filter, facets=facets)
    cursor.execute(statement, scope.parameters | values | {"candidates": list(candidates), "limit": limit})
    return read_candidates(cursor)
