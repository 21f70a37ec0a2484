"""Rows whose passages are nearest to a vector: by the index, or by comparing all where the index may miss some."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from pc_worker.store.db.connection import Cursor
from pc_worker.store.search.scope import Candidates, Profile, Scope, VectorIndex, read_candidates
from pc_worker.store.search.statistics import estimate_filtered_rows

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: Visiting one row in the index costs as much as comparing this many filtered rows.
NEIGHBOUR_COST = 8
#: Without statistics: filters that leave at most this many rows are answered by comparing these.
EXACT_ROWS = 2_000

COUNT_FILTERED = """
SELECT count(*) FROM (SELECT FROM row_terms WHERE domain = %(domain)s AND terms @> %(facets)s::integer[]
                      LIMIT %(limit)s) AS filtered
"""
# Similarity is always that of the full vectors, in whichever form the index holds them.
INDEXED = """
SELECT row_id, max(similarity) AS similarity FROM (
    SELECT e.row_id, 1 - (e.vector <=> %(vector)s::vector) AS similarity FROM embeddings e {filter}
    WHERE e.domain = %(domain)s AND e.model_id = %(model_id)s AND e.row_id <> %(without)s
    ORDER BY {distance} LIMIT %(passages)s) AS passages
GROUP BY row_id ORDER BY similarity DESC, row_id LIMIT %(limit)s
"""
EXACT = """
SELECT e.row_id, 1 - min(e.vector <=> %(vector)s::vector) AS similarity FROM embeddings e {filter}
WHERE e.domain = %(domain)s AND e.model_id = %(model_id)s AND e.row_id <> %(without)s
GROUP BY e.row_id ORDER BY similarity DESC, e.row_id LIMIT %(limit)s
"""
FACETS = "JOIN row_terms f ON (f.domain, f.row_id) = (e.domain, e.row_id) AND f.terms @> %(facets)s::integer[]"
MEAN = "SELECT avg(vector)::text FROM embeddings WHERE domain = %s AND row_id = %s AND model_id = %s"


def vector_text(vector: NDArray[np.float32]) -> str:
    """Return a vector, shape (dimension,), as pgvector's text; nine digits keep each float32 exactly."""
    return f"[{','.join(['%.9g'] * len(vector))}]" % tuple(vector.tolist())


def nearest(cursor: Cursor, scope: Scope, vector: str, *, limit: int, wanted: int) -> Candidates:
    """Return up to ``limit`` rows by the cosine similarity of their nearest passage.

    Args:
        cursor: In the search's transaction.
        scope: The rows to search.
        vector: The query's vector as pgvector's text.
        limit: Length of the list.
        wanted: If the index finds fewer, all vectors are compared, so that this many are found if they exist.
    """
    index = scope.profile.index
    if index is not None and scope.only is None and not _is_selective(cursor, scope, limit * index.passages_per_row):
        found = _through_index(cursor, scope, vector, index, limit)
        if len(found.ids) >= wanted:
            return found
    cursor.execute(EXACT.format(filter=_filter(scope)), scope.parameters | {"vector": vector, "limit": limit})
    return read_candidates(cursor)


def _is_selective(cursor: Cursor, scope: Scope, passages: int) -> bool:
    """Return whether the filter leaves few enough rows to compare them all; never for ranges alone.

    Only ``left`` of ``all`` rows meet the filter, so the index would visit ``passages · all / left`` neighbours.
    """
    collection = scope.profile.collection
    if scope.filter is None or not scope.facets:
        return False
    if collection is not None and collection.documents:
        left = estimate_filtered_rows(len(scope.facets), scope.filter.facet_rows, collection)
        return left * left <= NEIGHBOUR_COST * passages * collection.documents
    cursor.execute(COUNT_FILTERED, scope.parameters | {"limit": EXACT_ROWS + 1})
    (count,) = cursor.fetchone() or (0,)
    return bool(count <= EXACT_ROWS)


def _through_index(cursor: Cursor, scope: Scope, vector: str, index: VectorIndex, limit: int) -> Candidates:
    passages = index.candidates(limit * index.passages_per_row)
    values = {"vector": vector, "passages": passages, "limit": limit}
    distance = index.form.distance("e.vector", "%(vector)s::vector")
    statement = INDEXED.format(filter=_filter(scope), distance=distance)
    cursor.execute(f"{index.settings(passages)};{statement}", scope.parameters | values)
    return read_candidates(cursor)


def _filter(scope: Scope) -> str:
    return f"{FACETS} {scope.candidate_filter}" if scope.facets else scope.candidate_filter


def vector_of_row(cursor: Cursor, profile: Profile, row_id: UUID) -> str | None:
    """Return the mean of a row's vectors as pgvector's text; None if it has none of the active model."""
    cursor.execute(MEAN, (profile.rows_domain, str(row_id), profile.model.model_id))
    (vector,) = cursor.fetchone() or (None,)
    return None if vector is None else str(vector)
