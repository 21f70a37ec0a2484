"""Reciprocal rank fusion of the two candidate lists, and all fields of a hit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pc_worker.store.db.connection import Cursor
from pc_worker.store.search.bm25 import QueryTerms
from pc_worker.store.search.scope import Candidates, Scope

#: The constant of reciprocal rank fusion, as in its paper: the larger, the less the first ranks dominate.
RRF_K = 60

RANKED = """
WITH near AS (
    SELECT row_id, score, row_number() OVER (ORDER BY score DESC, row_id) AS rank
    FROM unnest(%(near_ids)s::uuid[], %(near_scores)s::float8[]) AS n (row_id, score)
), words AS (
    SELECT row_id, score, row_number() OVER (ORDER BY score DESC, row_id) AS rank
    FROM unnest(%(text_ids)s::uuid[], %(text_scores)s::float8[]) AS t (row_id, score)
), fused AS (
    SELECT row_id, {fused} AS score FROM near FULL JOIN words USING (row_id)
    ORDER BY score DESC, row_id LIMIT %(k)s OFFSET %(offset)s
)
SELECT r.row_id, fused.score, passage.similarity, bm25.score, r.payload, passage.start_char, passage.end_char,
       substr(r.text, passage.start_char + 1, passage.end_char - passage.start_char)
FROM fused JOIN rows r ON r.domain = %(domain)s AND r.row_id = fused.row_id AND {where}
LEFT JOIN LATERAL (
    SELECT 1 - (e.vector <=> %(vector)s::vector) AS similarity, e.start_char, e.end_char FROM embeddings e
    WHERE e.domain = r.domain AND e.row_id = r.row_id AND e.model_id = %(model_id)s AND %(vector)s IS NOT NULL
    ORDER BY similarity DESC, e.passage LIMIT 1) AS passage ON true
LEFT JOIN LATERAL (
    SELECT {bm25} AS score FROM row_terms e WHERE e.domain = r.domain AND e.row_id = r.row_id) AS bm25 ON true
ORDER BY fused.score DESC, r.row_id
"""
RECIPROCAL = """%(near_weight)s * coalesce(1.0 / (%(rrf_k)s + near.rank), 0)
              + %(text_weight)s * coalesce(1.0 / (%(rrf_k)s + words.rank), 0)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateLists:
    """The candidate lists of a search with their weights; None = the list is not used."""

    near: Candidates | None = None
    text: Candidates | None = None
    near_weight: float = 1.0
    text_weight: float = 1.0

    @property
    def score_sql(self) -> str:
        """The fused score as SQL; a single list keeps its own score."""
        if self.near is None:
            return "words.score"
        return "near.score" if self.text is None else RECIPROCAL


@dataclass(frozen=True, slots=True, kw_only=True)
class RankedRow:
    """A hit with its best passage, as a range in characters (None if the source provided the vector) and its text."""

    row_id: str
    score: float
    similarity: float | None
    text_score: float
    payload: dict[str, Any]
    start: int | None
    end: int | None
    passage: str | None


def ranked(
    cursor: Cursor, scope: Scope, lists: CandidateLists, *, vector: str | None, terms: QueryTerms, k: int, offset: int
) -> list[RankedRow]:
    """Return hits ``offset`` to ``offset + k`` of the fused lists, each with both of its scores."""
    near, text = lists.near or Candidates(), lists.text or Candidates()
    bm25, values = terms.score_sql()
    values |= {"near_ids": near.ids, "near_scores": near.scores, "text_ids": text.ids, "text_scores": text.scores}
    values |= {"near_weight": lists.near_weight, "text_weight": lists.text_weight, "rrf_k": RRF_K}
    values |= {"vector": vector, "k": k, "offset": offset}
    cursor.execute(RANKED.format(fused=lists.score_sql, bm25=bm25, where=scope.where), scope.parameters | values)
    names = ("row_id", "score", "similarity", "text_score", "payload", "start", "end", "passage")
    return [RankedRow(**dict(zip(names, row, strict=True))) for row in cursor.fetchall()]
