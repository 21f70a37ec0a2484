"""Recall of a vector index: the share of the ten truly nearest rows that it finds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from uuid import UUID

from pc_worker.model import Model
from pc_worker.store.db.connection import Cursor
from pc_worker.store.db.leaves import LEAVES
from pc_worker.store.search.index.catalog import IndexState
from pc_worker.store.search.scope import MAX_EF_SEARCH, Candidates, Profile, Scope, VectorIndex
from pc_worker.store.search.scores.nearest import nearest

TOP = 10
#: Tolerance of similarity: rows as near as the tenth count as found.
TIE = 1e-6
#: The widest search of an ivfflat index reads this many times the lists of its breadth.
WIDER = 8

# Sample blocks, not rows, so that a large table is not read; small tables are read whole.
SAMPLE = f"""
SELECT row_id, vector::text FROM embeddings TABLESAMPLE SYSTEM ((
    SELECT least(100, 100.0 * 20000 / greatest(sum(greatest(reltuples, 0)), 1)) FROM pg_class
    WHERE oid IN ({LEAVES.format(table="'embeddings'")})))
WHERE domain = %s AND model_id = %s ORDER BY random() LIMIT %s
"""


@dataclass(frozen=True, slots=True)
class RecallQuery:
    """A stored vector as a query, with the similarities of its true neighbours, nearest first."""

    row_id: UUID
    vector: str
    truth: list[float]


@dataclass(frozen=True, slots=True)
class Recall:
    """Recall@10 over a sample: the mean, and that of the worst query."""

    mean: float
    least: float


def sample_queries(cursor: Cursor, state: IndexState, count: int, *, exact: bool = True) -> list[RecallQuery]:
    """Return random stored vectors with their true neighbours; empty for an empty domain.

    These are found by comparing all vectors, or, if not ``exact``, by the index at its widest: that may miss some, but
    reads only a few thousand vectors for each query.
    """
    cursor.execute(SAMPLE, (state.domain, state.model_id, count))
    asked = [(UUID(row_id), vector) for row_id, vector in cursor.fetchall()]
    questions = [RecallQuery(row_id, vector, []) for row_id, vector in asked]
    index = None if exact else _widest(state)
    known = [replace(one, truth=neighbours(cursor, state, one, index, exact=exact).scores) for one in questions]
    return [question for question in known if question.truth]


def _widest(state: IndexState) -> VectorIndex | None:
    index, lists = state.searched_by, None if state.built is None else state.built.lists
    if index is None:
        return None
    return replace(index, breadth=MAX_EF_SEARCH if lists is None else min(index.breadth * WIDER, lists))


def measure_recall(
    cursor: Cursor, state: IndexState, questions: list[RecallQuery], *, breadth: int, exact: bool = True
) -> Recall:
    """Measure the index's recall with this breadth; changes settings of the transaction.

    If it finds too few neighbours, all vectors are compared as in a search, but only if ``exact``.
    """
    index = state.searched_by
    searched = None if index is None else replace(index, breadth=breadth)
    shares = []
    for question in questions:
        found = neighbours(cursor, state, question, searched, exact=exact)
        least = question.truth[-1] - TIE
        shares.append(sum(score >= least for score in found.scores) / len(question.truth))
    return Recall(sum(shares) / len(shares), min(shares))


def neighbours(
    cursor: Cursor,
    state: IndexState,
    question: RecallQuery,
    index: VectorIndex | None,
    *,
    limit: int = TOP,
    exact: bool = True,
) -> Candidates:
    """Return the rows that an index finds; None = by comparing all, as if ``exact`` and it finds fewer than wanted."""
    model = Model(
        model_id=state.model_id,
        name=state.model,
        revision="",
        dimension=state.dimension,
        normalised=True,
        encodable=False,
    )
    profile = Profile(domain=state.domain, model=model, collection=None, index=index)
    scope = Scope(profile=profile, without=question.row_id)
    return nearest(cursor, scope, question.vector, limit=limit, wanted=limit if exact else 0)
