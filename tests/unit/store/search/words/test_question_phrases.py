"""Phrases of a question that ask for texts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pc_worker.store.search.words.question_phrases import without_question_phrases


@pytest.mark.parametrize(
    ("query", "left"),
    [
        pytest.param("are there any papers describing slender wings", "are there slender wings", id="papers on"),
        pytest.param("ARE THERE ANY PAPERS ON WINGS", "ARE THERE WINGS", id="capitals"),
        pytest.param("Has anybody ever examined rust in steel?", "rust in steel?", id="has anybody"),
        pytest.param("what is known about the axolotl", "the axolotl", id="what is known"),
        pytest.param("What work has been done on tides?", "tides?", id="what work"),
        pytest.param("I'm interested in articles that deal with bees", "bees", id="two phrases"),
        pytest.param("I would be pleased to receive information available about bees", "bees", id="polite"),
        pytest.param("I want to know how bees dance", "how bees dance", id="I want to know"),
        pytest.param("I need bees", "bees", id="I need"),
        pytest.param("tell me about bees; list all literature describing wasps", "bees; wasps", id="commands"),
    ],
)
def test_phrases_are_left_out(query: str, left: str) -> None:
    assert without_question_phrases(query).split() == left.split()


@pytest.mark.parametrize(
    "query",
    [
        pytest.param("recycled paper prices", id="a noun that is the subject"),
        pytest.param("information theory", id="another noun"),
        pytest.param("wallpapers on sale", id="inside a word"),
        pytest.param("white-papers on steel", id="inside a compound"),
        pytest.param("any papers", id="nothing else"),
        pytest.param("tell me about", id="a command alone"),
        pytest.param("어떤 논문이 있나요", id="another script"),
        pytest.param("", id="empty"),
    ],
)
def test_other_words_stay(query: str) -> None:
    assert without_question_phrases(query) == query


@given(st.text(max_size=60))
def test_a_query_keeps_words_if_it_had_any(query: str) -> None:
    left = without_question_phrases(query)

    assert any(map(str.isalnum, left)) or left == query
