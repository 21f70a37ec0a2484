"""BM25: rows that contain terms of a query, scored by the textbook formula from the counts stored with each row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from pc_worker.store.db.connection import Cursor
from pc_worker.store.search.filters.sql import Parameters
from pc_worker.store.search.query.concepts import (
    AskedWords,
    Concept,
    limited_weights,
    needed_with_others,
    possible,
    score_sql,
    within,
)
from pc_worker.store.search.scope import Candidates, Scope, read_candidates
from pc_worker.store.search.statistics import UNKNOWN, CollectionStatistics, term_frequencies
from pc_worker.store.search.words.term_hash import DIMENSION

#: Terms of a query that are used, the rarest ones; a longer text is a document, for which there is `--like`.
MAX_TERMS = 64
#: BM25's k3: a word that a query has twice weighs 1.2, one that it repeats often at most 1.5.
K3 = 0.5
#: The power of a word's recurrence in its weight.
RECURRENCE = 0.5
#: Start from the rarest terms (at most RARE_ROWS candidates); widen by a factor of WIDER.
RARE_ROWS = 5_000
WIDER = 4

# Σ idf·tf·(k1+1)/(tf+K) with K = k1·(1−b+b·length/mean), written as (k1+1)·Σ idf·(1 − K/(tf+K)): the same number, but
# tf occurs in it once. `<#>` is the negative inner product: with a vector of a single 1 it is minus tf.
SCORE = "%(k1_plus_1)s::float8 * ({terms})"
TERM = "%(idf_{n})s::float8 * (1 - norm.k / (norm.k - (e.counts <#> %(unit_{n})s::sparsevec)))"
# `OFFSET 0` keeps the planner from computing K again for each term.
NORM = """
CROSS JOIN LATERAL (
    SELECT %(norm_base)s::float8 + %(norm_slope)s::float8 * greatest(e.length, 1) AS k OFFSET 0) AS norm
"""

MATCHING = """
SELECT e.row_id, {score} AS score FROM row_terms e {norm} {filter}
WHERE e.domain = %(domain)s AND e.terms && %(candidates)s::integer[] {facets}
ORDER BY score DESC, e.row_id LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class QueryTerm:
    """A term of the query.

    Attributes:
        id: The term.
        documents: The number of rows that contain it.
        weight: Its weight: by rarity, by the query's repetition, and by ``subject``.
        subject: What it weighs more, because the rows that contain it repeat it.
    """

    id: int
    documents: int
    weight: float
    subject: float = 1.0


@dataclass(frozen=True, slots=True)
class ScoreSql:
    """The BM25 score of ``row_terms e`` as SQL, the join that it needs, and its parameters."""

    score: str
    norm: str
    parameters: Parameters


@dataclass(frozen=True, slots=True)
class QueryTerms:
    """A query's terms, the rarest first, with weights from the statistics of the domain; and its concepts.

    ``others`` are those of the terms that only other spellings of the query's words have.
    """

    collection: CollectionStatistics
    terms: tuple[QueryTerm, ...] = ()
    concepts: tuple[Concept, ...] = ()
    others: frozenset[int] = frozenset()

    def score_sql(self) -> ScoreSql:
        """Return the score as SQL; 0 for a query without terms."""
        if not self.terms:
            return ScoreSql("0::float8", "", {})
        of = self.collection
        values: Parameters = {
            "k1_plus_1": of.k1 + 1,
            "norm_base": of.k1 * (1 - of.b),
            "norm_slope": of.k1 * of.b / (of.mean_length or 1),
        }
        for n, term in enumerate(self.terms):
            values |= {f"idf_{n}": term.weight, f"unit_{n}": f"{{{term.id}:1}}/{DIMENSION}"}
        summands = {term.id: TERM.format(n=n) for n, term in enumerate(self.terms)}
        own = [term for term in summands if term not in self.others]
        return ScoreSql(SCORE.format(terms=score_sql(own, self.concepts, summands.__getitem__)), NORM, values)

    def rarest(self, rows: int) -> tuple[list[int], float]:
        """Return the ids of the rarest terms, in at most ``rows`` rows, and the most that all others add to a score."""
        terms = self.sufficient
        taken = max(1, sum(total <= rows for total in accumulate(term.documents for term in terms)))
        bound = sum(term.weight for term in terms[taken:]) * (self.collection.k1 + 1)
        return [term.id for term in terms[:taken]], bound

    @property
    def sufficient(self) -> list[QueryTerm]:
        """The terms of which every row with a score has one: of a spelling that needs several, the rarest."""
        needless = needed_with_others(self.concepts, [term.id for term in self.terms]) & self.others
        return [term for term in self.terms if term.id not in needless]


#: Of a query that is not searched for by words.
NO_TERMS = QueryTerms(CollectionStatistics(0, 0.0, 1.2, 0.75))


def emphasis(times: int) -> float:
    """Return what a word counts that a query has so often.

    >>> emphasis(1), emphasis(2)
    (1.0, 1.2)
    """
    return times * (K3 + 1) / (times + K3)


def weigh(cursor: Cursor, domain: str, words: AskedWords, known: CollectionStatistics | None) -> QueryTerms:
    """Return a query's terms with weights.

    These are by how rare a term is in the domain, how often rows repeat it, and how often the query has it.
    """
    collection, counted = term_frequencies(cursor, domain, words.ids, known)
    words = possible(words, {term for term, found in counted.items() if found.documents}, current=collection.current)
    counts = sorted((counted.get(term, UNKNOWN).documents, term) for term in words.ids)[:MAX_TERMS]
    subjects = {
        term: 1.0 if term in words.grams else counted.get(term, UNKNOWN).recurrence ** RECURRENCE for _, term in counts
    }
    each = {term: collection.idf(count) * subjects[term] * emphasis(words.times.get(term, 1)) for count, term in counts}
    weights = limited_weights(words, each)
    terms = tuple(QueryTerm(term, count, weights[term], subjects[term]) for count, term in counts)
    return QueryTerms(collection, terms, within(words.concepts, weights.keys()), frozenset(words.others))


def matching(cursor: Cursor, scope: Scope, terms: QueryTerms, *, limit: int, wanted: int, certain: int) -> Candidates:
    """Return up to ``limit`` rows by score; at least ``wanted`` if that many match. The first ``certain`` are exact.

    First, only rows that contain one of the rarest terms are scored. A row without any of them cannot score more than
    the weights of all other terms together. While the last certain row scores less than that, more terms are included.
    """
    found, rows, taken = Candidates(), RARE_ROWS, 0
    while taken < len(terms.sufficient):
        rarest, bound = terms.rarest(rows)
        if len(rarest) > taken:
            found, taken = _score(cursor, scope, terms, rarest, limit), len(rarest)
            if len(found.ids) >= wanted and found.scores[certain - 1] >= bound:
                break
        rows *= WIDER
    return found


def _score(cursor: Cursor, scope: Scope, terms: QueryTerms, candidates: Sequence[int], limit: int) -> Candidates:
    sql = terms.score_sql()
    facets = "AND e.terms @> %(facets)s::integer[]" if scope.facets else ""
    statement = MATCHING.format(score=sql.score, norm=sql.norm, filter=scope.candidate_filter, facets=facets)
    cursor.execute(statement, scope.parameters | sql.parameters | {"candidates": list(candidates), "limit": limit})
    found = read_candidates(cursor)
    scored = sum(score > 0 for score in found.scores)  # a row may have a part of a spelling that needs all
    return Candidates(found.ids[:scored], found.scores[:scored])
