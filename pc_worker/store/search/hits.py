"""Read rows by id: both exact scores of candidates, and all fields of hits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pc_worker.store.db.connection import Cursor, array_literal
from pc_worker.store.search.bm25 import NO_TERMS, QueryTerms
from pc_worker.store.search.fusion import ExactScores, FusedRow
from pc_worker.store.search.scope import Scope

# One statement for both: on a busy machine each round trip waits for a processor.
SCORES = """
SELECT e.row_id, 1 - min(e.vector <=> %(vector)s::vector), NULL::float8 FROM embeddings e
WHERE e.domain = %(domain)s AND e.row_id = ANY (%(without_vector)s::uuid[]) AND e.model_id = %(model_id)s
GROUP BY e.row_id
UNION ALL
SELECT e.row_id, NULL, {score} FROM row_terms e {norm}
WHERE e.domain = %(domain)s AND e.row_id = ANY (%(without_text)s::uuid[])
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
    SELECT {score} AS score FROM row_terms e {norm} WHERE e.domain = r.domain AND e.row_id = r.row_id) AS bm25 ON true
WHERE r.domain = %(domain)s AND r.row_id = ANY (%(ids)s::uuid[]) AND {where}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownScores:
    """Exact scores of rows that the lists themselves have: similarity and BM25 by row id."""

    vector: Mapping[str, float]
    text: Mapping[str, float]


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


def complete_scores(
    cursor: Cursor,
    scope: Scope,
    ids: Sequence[str],
    known: KnownScores,
    *,
    vector: str | None,
    terms: QueryTerms | None,
) -> ExactScores:
    """Return both exact scores of these rows: the known ones, and all others computed from the rows themselves.

    Without ``vector`` the similarities are None, without ``terms`` the BM25 scores are 0.
    """
    sql = (terms or NO_TERMS).score_sql()
    without_vector = [row_id for row_id in ids if row_id not in known.vector and vector is not None]
    without_text = [row_id for row_id in ids if row_id not in known.text and terms is not None]
    values = {
        "vector": vector,
        "without_vector": array_literal(without_vector),
        "without_text": array_literal(without_text),
    }
    cursor.execute(SCORES.format(score=sql.score, norm=sql.norm), scope.parameters | sql.parameters | values)
    by_vector, by_text = dict(known.vector), dict(known.text)
    for row_id, similarity, text in cursor.fetchall():
        (by_vector if text is None else by_text)[row_id] = float(similarity if text is None else text)
    return {row_id: (by_vector.get(row_id), by_text.get(row_id, 0.0)) for row_id in ids}


def read_hits(
    cursor: Cursor, scope: Scope, page: Sequence[FusedRow], *, vector: str | None, terms: QueryTerms | None
) -> list[RankedRow]:
    """Return the fields of these rows, in their order; without rows that do not meet the filter after all."""
    sql = (terms or NO_TERMS).score_sql()
    values = {"vector": vector, "ids": [row.row_id for row in page]}
    statement = HITS.format(score=sql.score, norm=sql.norm, where=scope.where)
    cursor.execute(statement, scope.parameters | sql.parameters | values)
    names = ("similarity", "text_score", "payload", "start", "end", "passage")
    fields = {row_id: dict(zip(names, row, strict=True)) for row_id, *row in cursor.fetchall()}
    return [RankedRow(ranked=row, **fields[row.row_id]) for row in page if row.row_id in fields]
