"""Fusion of the vector list and the text list: one final score for each row, from both of its scores.

The final score of a fused row is its cosine similarity plus a bonus for its words, so it has the unit of a similarity:

    score = similarity
        + (1 - VECTOR_SHARE) / VECTOR_SHARE · spread of the similarities / spread of the BM25 scores · BM25

The spreads are the standard deviations over all rows of both lists. They differ between models, languages and queries,
which is why no constant can replace them. A list that is searched alone keeps its own score.

A row that the model cannot read has a similarity that says nothing. Such rows have the mean similarity of the rows that
it can read, so that only their words decide.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import fsum, sqrt
from operator import mul

from pc_worker.store.search.scope import Candidates

#: The part of the vector list in the fusion, chosen with judged collections; the text list has the rest.
VECTOR_SHARE = 0.57
#: The spread of BM25 scores is at least this part of the best one: rows that all match alike must not outweigh meaning.
MIN_SPREAD = 1 / 6
#: The spread of similarities where the query's own vector is noise: that of readable queries of the built-in model.
USUAL_SPREAD = 0.1

#: Both scores of each row of the union: similarity (None = the row has no vector) and BM25.
ExactScores = Mapping[str, tuple[float | None, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListWeights:
    """How much each list counts.

    Attributes:
        vector: The caller's weight of the vector list; 1 = as measured.
        text: The caller's weight of the text list.
        readable: Share of the query that the model can read, 0..1; the rest of the vector list's part goes to the text.
    """

    vector: float = 1.0
    text: float = 1.0
    readable: float = 1.0

    @property
    def vector_counts(self) -> bool:
        """Whether the vector list has any part in the score."""
        return self.vector > 0 and self.readable > 0


@dataclass(frozen=True, slots=True)
class ListPlace:
    """A row in one list: its rank from 1 (None = not in it), its exact score, and its part of the final score."""

    rank: int | None
    score: float | None
    share: float


@dataclass(frozen=True, slots=True)
class FusedRow:
    """A row with its final score, and its places in the lists that were searched."""

    row_id: str
    score: float
    vector: ListPlace | None = None
    text: ListPlace | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateLists:
    """The lists of a search; None = the list is not used.

    Attributes:
        vector: The list by vectors.
        text: The list by words.
        weights: How much each list counts.
        shares: How much of each row the model can read, 0..1; all of the rows that are not in it.
    """

    vector: Candidates | None = None
    text: Candidates | None = None
    weights: ListWeights = field(default_factory=ListWeights)
    shares: Mapping[str, float] = field(default_factory=dict)

    @property
    def union(self) -> list[str]:
        """All candidates."""
        lists = [found.ids for found in (self.vector, self.text) if found is not None]
        return list(dict.fromkeys(row_id for ids in lists for row_id in ids))


@dataclass(frozen=True, slots=True)
class Scale:
    """What one unit of similarity and one of BM25 adds to the final score of a query's rows.

    ``usual`` is the similarity that stands for that of a row which the model cannot read.
    """

    vector: float
    text: float
    usual: float = 0.0


def scale_of(scores: ExactScores, lists: CandidateLists) -> Scale:
    """Return the scale of a fusion from the exact scores of all candidates; a single list keeps its own scores."""
    if lists.vector is None or lists.text is None:
        return Scale(float(lists.text is None), float(lists.vector is None))
    weights = lists.weights
    known = {row_id: similarity for row_id, (similarity, _) in scores.items() if similarity is not None}
    shares = [lists.shares.get(row_id, 1.0) for row_id in known]
    readable = weights.readable * _mean_share(lists.vector.ids, lists.shares)
    texts = [text for _, text in scores.values()]
    _, deviation = _spread(texts, [1.0] * len(texts))
    spread = max(deviation, MIN_SPREAD * max(texts, default=0.0))
    usual, of_vectors = _spread(list(known.values()), shares)
    ratio = (readable * of_vectors + (1 - readable) * USUAL_SPREAD) / spread if spread else 0.0
    vector_part = VECTOR_SHARE * readable
    return Scale(
        weights.vector * vector_part / VECTOR_SHARE, weights.text * (1 - vector_part) / VECTOR_SHARE * ratio, usual
    )


def fuse(lists: CandidateLists, scores: ExactScores, scale: Scale, *, limit: int | None = None) -> list[FusedRow]:
    """Return the best ``limit`` rows of ``scores`` (None = all), best first; equal scores are ordered by row id."""
    of_vector, of_text = scale.vector, scale.text
    parts = {
        row_id: (of_vector * _similarity(row_id, scores, lists, scale), of_text * scores[row_id][1])
        for row_id in scores
    }
    order = sorted((-sum(both), row_id) for row_id, both in parts.items())
    vector_ranks, text_ranks = _ranks(lists.vector), _ranks(lists.text)
    rows = []
    for negative, row_id in order[:limit]:
        similarity, text = scores[row_id]
        by_vector, by_text = parts[row_id]
        vector_place = None if vector_ranks is None else ListPlace(vector_ranks.get(row_id), similarity, by_vector)
        text_place = None if text_ranks is None else ListPlace(text_ranks.get(row_id), text, by_text)
        rows.append(FusedRow(row_id, -negative, vector_place, text_place))
    return rows


def best_first(rows: Sequence[FusedRow]) -> list[FusedRow]:
    """Return the rows by their final score; equal scores are ordered by row id."""
    return sorted(rows, key=lambda row: (-row.score, row.row_id))


def _similarity(row_id: str, scores: ExactScores, lists: CandidateLists, scale: Scale) -> float:
    """Return what counts as the similarity of a row."""
    similarity, share = scores[row_id][0] or 0.0, lists.shares.get(row_id, 1.0)
    return similarity if share == 1 else share * similarity + (1 - share) * scale.usual


def _mean_share(ids: Sequence[str], shares: Mapping[str, float]) -> float:
    """Return how much of the rows of the vector list the model can read."""
    return fsum([shares.get(row_id, 1.0) for row_id in ids]) / len(ids) if shares and ids else 1.0


def _spread(values: Sequence[float], weights: Sequence[float]) -> tuple[float, float]:
    """Return the mean and the standard deviation of values; 0 without weights."""
    # `statistics.pstdev` computes with fractions, which takes twenty times as long.
    total = fsum(weights)
    if not total:
        return 0.0, 0.0
    mean = fsum(map(mul, weights, values)) / total
    return mean, sqrt(
        fsum([weight * (value - mean) ** 2 for weight, value in zip(weights, values, strict=True)]) / total
    )


def _ranks(found: Candidates | None) -> dict[str, int] | None:
    return None if found is None else {row_id: rank for rank, row_id in enumerate(found.ids, start=1)}
