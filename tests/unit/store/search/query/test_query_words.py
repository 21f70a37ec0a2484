"""How often a query has its words."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from pc_worker.store.search.query.query_words import asked_words
from pc_worker.store.search.scores.bm25 import emphasis
from pc_worker.store.search.words.word_counts import word_id


@pytest.mark.parametrize(
    ("query", "times"),
    [
        pytest.param("bone marrow", {}, id="each once"),
        pytest.param("bone marrow, bone cells and Bones", {"bone": 3}, id="inflected and in capitals"),
        pytest.param("café, café", {"cafe": 2, "café": 2}, id="both spellings"),
        pytest.param("e-mail or e-mail", {"e": 2, "mail": 2, "email": 2}, id="the joined form too"),
        pytest.param("email e-mail", {}, id="a joined form that the query has itself"),
        pytest.param("서울 날씨, 서울 지도", {}, id="pairs of characters are no words"),
    ],
)
def test_repeated_words_are_counted(query: str, times: Mapping[str, int]) -> None:
    assert asked_words("d", query).times == {word_id("d", word): count for word, count in times.items()}


def test_pairs_of_characters_are_no_words() -> None:
    words = asked_words("d", "山川 weather 서울")

    assert words.grams == {word_id("d", "山川"), word_id("d", "서울")}
    assert set(words.terms) - words.grams == {word_id("d", "weather")}


def test_each_repetition_adds_less() -> None:
    assert [emphasis(times) for times in (1, 2, 4)] == pytest.approx([1, 1.2, 4 / 3])
    assert emphasis(1_000) < 1.5
