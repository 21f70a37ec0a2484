"""Fusion: one score from the exact scores of both lists."""

from __future__ import annotations

import pytest

from pc_worker.store.search.scope import Candidates
from pc_worker.store.search.scores.fusion import CandidateLists, ExactScores, ListWeights, fuse, scale_of

VECTOR = Candidates(["a", "b"], [0.8, 0.5])
TEXT = Candidates(["c", "b"], [9.0, 3.0])
SCORES: ExactScores = {"a": (0.8, 0.0), "b": (0.5, 3.0), "c": (0.3, 9.0), "d": (None, 0.0)}


def ranking(scores: ExactScores, **weights: float) -> list[tuple[str, float]]:
    lists = CandidateLists(vector=VECTOR, text=TEXT, weights=ListWeights(**weights))
    return [(row.row_id, row.score) for row in fuse(lists, scores, scale_of(scores, lists))]


def test_a_row_without_words_keeps_its_similarity() -> None:
    assert dict(ranking(SCORES))["a"] == pytest.approx(0.8)


def test_words_add_to_the_similarity_in_its_own_unit() -> None:
    halved: ExactScores = {row: (similarity, text / 1000) for row, (similarity, text) in SCORES.items()}

    assert dict(ranking(halved)) == pytest.approx(dict(ranking(SCORES)))
    assert dict(ranking(SCORES))["c"] > 0.3


def test_rows_that_all_match_alike_are_ordered_by_meaning() -> None:
    alike: ExactScores = {"a": (0.8, 5.0), "b": (0.5, 5.0), "c": (0.3, 5.001)}

    assert [row for row, _ in ranking(alike)] == ["a", "b", "c"]


def test_without_any_matching_word_the_similarity_is_the_score() -> None:
    silent: ExactScores = {row: (similarity, 0.0) for row, (similarity, _) in SCORES.items()}

    assert ranking(silent) == [("a", 0.8), ("b", 0.5), ("c", 0.3), ("d", 0.0)]


def test_a_vector_that_the_model_could_not_read_does_not_count() -> None:
    scores = ranking(SCORES, readable=0.0)

    assert [row for row, _ in scores] == ["c", "b", "a", "d"]
    assert dict(scores)["a"] == 0


@pytest.mark.parametrize("weights", [{"vector": 0.0}, {"text": 0.0}], ids=str)
def test_a_weight_of_nought_leaves_the_other_list(weights: dict[str, float]) -> None:
    expected = ["c", "b", "a", "d"] if "vector" in weights else ["a", "b", "c", "d"]

    assert [row for row, _ in ranking(SCORES, **weights)] == expected


def test_equal_scores_are_ordered_by_row_id() -> None:
    tied: ExactScores = dict.fromkeys("zyx", (0.5, 1.0))

    assert [row for row, _ in ranking(tied)] == ["x", "y", "z"]


def test_a_single_list_keeps_its_own_scores() -> None:
    lists = CandidateLists(text=TEXT)
    scores: ExactScores = {"c": (None, 9.0), "b": (None, 3.0)}

    (first, _) = fuse(lists, scores, scale_of(scores, lists))

    assert (first.row_id, first.score, first.vector) == ("c", 9.0, None)
    assert first.text is not None
    assert (first.text.rank, first.text.share) == (1, 9.0)


@pytest.mark.parametrize("limit", [0, 1, 3, 9])
def test_the_best_rows_are_the_first_of_all(limit: int) -> None:
    lists = CandidateLists(vector=VECTOR, text=TEXT)
    scale = scale_of(SCORES, lists)

    assert fuse(lists, SCORES, scale, limit=limit) == fuse(lists, SCORES, scale)[:limit]


@pytest.mark.parametrize("similarities", [(0.9, 0.1, 0.5), (0.2, 0.8, 0.1)], ids=str)
def test_the_similarity_of_a_row_that_the_model_cannot_read_does_not_count(similarities: tuple[float, ...]) -> None:
    noise: ExactScores = {row: (sim, text) for row, sim, text in zip("abc", similarities, (1.0, 7.0, 4.0), strict=True)}
    lists = CandidateLists(vector=VECTOR, text=TEXT, shares=dict.fromkeys("abc", 0.0))

    assert [row.row_id for row in fuse(lists, noise, scale_of(noise, lists))] == ["b", "c", "a"]


def test_rows_that_the_model_can_read_are_ordered_by_meaning_among_others() -> None:
    scores: ExactScores = {"english": (0.7, 0.0), "other": (0.1, 0.0), "한글": (0.9, 0.0), "한국": (0.2, 5.0)}
    lists = CandidateLists(vector=VECTOR, text=TEXT, shares={"한글": 0.0, "한국": 0.0})
    order = [row.row_id for row in fuse(lists, scores, scale_of(scores, lists))]

    assert order.index("english") < order.index("한글") < order.index("other")
    assert order.index("한국") < order.index("한글")


def test_a_row_that_the_model_reads_in_part_counts_in_part() -> None:
    scores: ExactScores = {"a": (0.8, 1.0), "b": (0.4, 1.0), "c": (0.9, 1.0)}
    lists = CandidateLists(vector=VECTOR, text=TEXT, shares={"c": 0.5})
    found = {row.row_id: row for row in fuse(lists, scores, scale_of(scores, lists))}

    assert found["a"].score > found["c"].score > found["b"].score
    assert found["c"].vector is not None
    assert found["c"].vector.score == 0.9
