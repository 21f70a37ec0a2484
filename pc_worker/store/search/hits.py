"""Read rows by id: both exact scores of candidates, and all fields of hits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pc_worker.store.db.connection import Cursor
from pc_worker.store.search.bm25 import QueryTerms
from pc_worker.store.search.fusion import FusedRow
from pc_worker.store.search.scope import Scope

# `OFFSET 0` and arrays: the rows are found by their keys, never by scanning a domain.
SIMILARITIES = """
SELECT e.row_id, 1 - min(e.vector <=> %(vector)s::vector) FROM embeddings e
WHERE e.domain = %(domain)s AND e.row_id = ANY (%(ids)s::uuid[]) AND e.model_id = %(model_id)s GROUP BY e.row_id
"""
TEXT_SCORES = """
SELECT e.row_id, {bm25} FROM row_terms e WHERE e.domain = %(domain)s AND e.row_id = ANY (%(ids)s::uuid[])
"""
HITS = """
SELECT r.row_id, passage.similarity, bm25.score, r.payload, passage.start_char, passage.end_char,
       substr(r.text, passage.start_char + 1, passage.end_char - passage.start_char)
FROM rows r
LEFT JOIN LATERAL (
    SELECT 1 - (e.vector <=> %(vector)s::vector) AS similarity, e.start_char, e.end_char FROM embeddings e
    WHERE e.domain = r.domain AND e.row_id = r.row_id AND e.model_id = %(model_id)s AND %(vector)s IS NOT NULL
    ORDER BY similarity DESC, e.passage LIMIT 1) AS passage ON true
LEFT JOIN LATERAL (
    SELECT {bm25} AS score FROM row_terms e WHERE e.domain = r.domain AND e.row_id = r.row_id) AS bm25 ON true
WHERE r.domain = %(domain)s AND r.row_id = ANY (%(ids)s::uuid[]) AND {where}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RankedRow:
    """A hit with its best passage, as a range in characters (None if the source provided the vector) and its text."""

    ranked: FusedRow
    similarity: float | None
    text_score: float
    payload: dict[str, Any]
    start: int | None
    end: int | None
    passage: str | None


def similarities(cursor: Cursor, scope: Scope, ids: Sequence[str], vector: str) -> dict[str, float]:
    """Return the cosine similarity of the best passage of each row that has a vector."""
    cursor.execute(SIMILARITIES, scope.parameters | {"ids": list(ids), "vector": vector})
    return {row_id: float(score) for row_id, score in cursor.fetchall()}


def text_scores(cursor: Cursor, scope: Scope, ids: Sequence[str], terms: QueryTerms) -> dict[str, float]:
    """Return the BM25 score of each row that has terms; 0 where none matches."""
    bm25, values = terms.score_sql()
    cursor.execute(TEXT_SCORES.format(bm25=bm25), scope.parameters | values | {"ids": list(ids)})
    return {row_id: float(score) for row_id, score in cursor.fetchall()}


def read_hits(
    cursor: Cursor, scope: Scope, page: Sequence[FusedRow], *, vector: str | None, terms: QueryTerms
) -> list[RankedRow]:
    """Return the fields of these rows, in their order; without rows that do not meet the filter after all."""
    bm25, values = terms.score_sql()
    values |= {"vector": vector, "ids": [row.row_id for row in page]}
    cursor.execute(HITS.format(bm25=bm25, where=scope.where), scope.parameters | values)
    names = ("similarity", "text_score", "payload", "start", "end", "passage")
    fields = {row_id: dict(zip(names, row, strict=True)) for row_id, *row in cursor.fetchall()}
    return [RankedRow(ranked=row, **fields[row.row_id]) for row in page if row.row_id in fields]
