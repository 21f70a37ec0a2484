"""Feedback: a query is extended by the vectors and the words of its own best rows (Rocchio's method and RM3).

The best rows are probably relevant. Their vectors move the query's vector, and their most significant words are added
to the query's words with a small weight. The weight of a row falls with its rank.
"""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from heapq import nlargest
from typing import TypeVar

from pc_worker.store.db.connection import Cursor
from pc_worker.store.search.scope import Scope
from pc_worker.store.search.scores.bm25 import QueryTerm, QueryTerms
from pc_worker.store.search.scores.nearest import vector_text
from pc_worker.store.search.statistics import term_frequencies
from pc_worker.store.search.terms import SPARSEVEC

T = TypeVar("T")

#: Rows that extend a query.
ROWS = 5
#: The weight of the rows' mean vector, compared with 1 of the query's vector.
VECTOR_WEIGHT = 0.5
#: The share of the added words in the weight of all words, and their number.
TERM_SHARE, TERMS = 0.2, 20
#: The most frequent words of a row that are examined: a long text has thousands.
EXAMINED = 200
#: Bytes before the numbers of a vector in binary form: their count and two zero bytes.
VECTOR_HEAD = 4

# The passage that is nearest to the query is what was found of a long row. Both in binary form: numbers as text are
# written and read digit by digit.
BEST = """
SELECT sparsevec_send(t.counts), t.length, (
    SELECT vector_send(e.vector) FROM embeddings e
    WHERE e.domain = %(domain)s AND e.row_id = best.row_id AND e.model_id = %(model_id)s AND %(vector)s IS NOT NULL
    ORDER BY e.vector <=> %(vector)s::vector, e.passage LIMIT 1)
FROM unnest(%(ids)s::uuid[]) WITH ORDINALITY AS best (row_id, place)
LEFT JOIN row_terms t ON t.domain = %(domain)s AND t.row_id = best.row_id
ORDER BY best.place
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expansion:
    """An extended query; None = that list is not used."""

    vector: str | None
    terms: QueryTerms | None


def expand(
    cursor: Cursor, scope: Scope, ids: Sequence[str], *, vector: str | None, terms: QueryTerms | None
) -> Expansion:
    """Return the query extended by the rows ``ids``, its best ones in their order."""
    cursor.execute(BEST, scope.parameters | {"ids": list(ids), "vector": vector})
    found = cursor.fetchall()
    vectors = [bytes(vector) for _, _, vector in found if vector is not None]
    counted = [(_frequent(bytes(counts)), length) for counts, length, _ in found if counts is not None]
    return Expansion(
        vector=None if vector is None else _moved(vectors, vector),
        terms=None if terms is None else _extended(cursor, scope, counted, terms),
    )


def _moved(rows: Sequence[bytes], vector: str) -> str:
    """Return the query's vector with those of the best rows added, given in the binary form of `vector`."""
    import numpy as np  # a text search does not load it

    total = np.fromstring(vector.strip("[]"), np.float32, sep=",")
    for binary, weight in _rank_weights(rows):
        found = np.frombuffer(binary, ">f4", offset=VECTOR_HEAD).astype(np.float32)
        total = total + np.float32(VECTOR_WEIGHT * weight) * found / np.linalg.norm(found)
    norm = np.linalg.norm(total)
    return vector_text(total / norm) if norm > 0 else vector


def _extended(
    cursor: Cursor, scope: Scope, rows: Sequence[tuple[Mapping[int, float], int]], terms: QueryTerms
) -> QueryTerms:
    """Return the terms with the best ones of the rows, given as counts and length; the sum of all weights stays."""
    if not rows or not terms.terms:
        return terms
    candidates = sorted({term for counts, _ in rows for term in counts})
    collection, counted = term_frequencies(cursor, scope.profile.domain, candidates, scope.profile.collection)
    documents = {term: found.documents for term, found in counted.items()}
    rarity = {term: collection.idf(documents.get(term, 0)) for term in candidates}
    significance: dict[int, float] = defaultdict(float)
    for (counts, length), weight in _rank_weights(rows):
        norm = collection.norm(length)
        for term, count in counts.items():
            significance[term] += weight * collection.bm25(count, norm) * rarity[term]
    best = nlargest(TERMS, significance.items(), key=lambda pair: (pair[1], pair[0]))
    return _with_added(terms, dict(best), documents)


def _with_added(terms: QueryTerms, added: Mapping[int, float], documents: Mapping[int, int]) -> QueryTerms:
    total = sum(added.values())
    if not total:
        return terms
    own = {term.id: term for term in terms.terms}
    asked = len(own) - len(terms.others & own.keys())
    extended = []
    for term in sorted({*own, *added}):
        share = (1 - TERM_SHARE) * (term in own)
        if term not in terms.others:  # another spelling is no further word
            share += TERM_SHARE * asked * added.get(term, 0.0) / total
        count, subject = (own[term].documents, own[term].subject) if term in own else (documents.get(term, 0), 1.0)
        extended.append(QueryTerm(term, count, share * terms.collection.idf(count) * subject, subject))
    return replace(terms, terms=tuple(sorted(extended, key=lambda term: (term.documents, term.id))))


def _rank_weights(rows: Sequence[T]) -> Iterator[tuple[T, float]]:
    """Return each row with its weight, 1 ÷ rank; all weights together are 1."""
    total = sum(1 / rank for rank in range(1, len(rows) + 1))
    return ((row, 1 / rank / total) for rank, row in enumerate(rows, start=1))


def _frequent(sparse: bytes) -> dict[int, float]:
    """Return the most frequent terms of a row from its counts in the binary form of `sparsevec`.

    >>> _frequent(struct.pack(">iii2i2f", 9, 2, 0, 2, 6, 1.0, 2.5))
    {3: 1.0, 7: 2.5}
    """
    _, size, _ = SPARSEVEC.unpack_from(sparse)
    numbers = struct.unpack_from(f">{size}i{size}f", sparse, SPARSEVEC.size)
    counts = {index + 1: count for index, count in zip(numbers[:size], numbers[size:], strict=True)}
    if size <= EXAMINED:
        return counts
    return dict(nlargest(EXAMINED, counts.items(), key=lambda pair: pair[1]))
