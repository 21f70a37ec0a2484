"""Read rows by id: both exact scores of candidates, and all fields of hits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pc_worker.store.db.connection import Cursor, array_literal
from pc_worker.store.search.scope import Scope
from pc_worker.store.search.scores.bm25 import NO_TERMS, QueryTerms
from pc_worker.store.search.scores.fusion import ExactScores, FusedRow

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
SELECT r.row_id, {text} AS text_score, r.payload, {passage} FROM rows r {joins}
WHERE r.domain = %(domain)s AND r.row_id = ANY (%(ids)s::uuid[]) AND {where}
"""
PASSAGE = """
passage.similarity, passage.start_char, passage.end_char,
substr(r.text, passage.start_char + 1, passage.end_char - passage.start_char)
"""
NO_PASSAGE = "NULL, NULL, NULL, NULL"
NEAREST = """
LEFT JOIN LATERAL (
    SELECT 1 - (e.vector <=> %(vector)s::vector) AS similarity, e.start_char, e.end_char FROM embeddings e
    WHERE e.domain = r.domain AND e.row_id = r.row_id AND e.model_id = %(model_id)s
    ORDER BY similarity DESC, e.passage LIMIT 1) AS passage ON true
"""
BM25 = """
LEFT JOIN LATERAL (
    SELECT {score} AS score FROM row_terms e {norm} WHERE e.domain = r.domain AND e.row_id = r.row_id) AS bm25 ON true
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
    """Return the fields of these rows, in their order; without rows that do not meet the filter after all.

    Args:
        cursor: In the search's transaction.
        scope: The rows that are searched.
        page: The rows.
        vector: The query's vector; None = the search is not by vectors.
        terms: The terms whose BM25 scores to compute; None = a row has the score of its place in the text list.
    """
    if not page:
        return []
    sql = (terms or NO_TERMS).score_sql()
    joins = ("" if vector is None else NEAREST) + ("" if terms is None else BM25.format(score=sql.score, norm=sql.norm))
    statement = HITS.format(
        text="NULL" if terms is None else "bm25.score",
        passage=NO_PASSAGE if vector is None else PASSAGE,
        joins=joins,
        where=scope.where,
    )
    values = {"vector": vector, "ids": [row.row_id for row in page]}
    cursor.execute(statement, scope.parameters | sql.parameters | values)
    fields = {row_id: found for row_id, *found in cursor.fetchall()}
    return [_ranked_row(row, *fields[row.row_id]) for row in page if row.row_id in fields]


def _ranked_row(
    row: FusedRow,
    text_score: float | None,
    payload: dict[str, Any],
    similarity: float | None,
    start: int | None,
    end: int | None,
    passage: str | None,
) -> RankedRow:
    if text_score is None:
        text_score = 0.0 if row.text is None or row.text.score is None else row.text.score
    return RankedRow(
        ranked=row,
        similarity=similarity,
        text_score=text_score,
        payload=payload,
        start=start,
        end=end,
        passage=passage,
    )
