"""The words of a query in a text, in every script, and the part of a text with most of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pc_worker.services.search.passages.marking import WINDOW, best_passage, best_window, matched_words, matches
from pc_worker.store.search.query.query_words import query_terms


def marked(query: str, text: str) -> list[str]:
    return [text[start:end] for start, end in matched_words("document", query, text)]


@pytest.mark.parametrize(
    ("query", "text", "expected"),
    [
        ("brewing coffee", "How to Brew strong coffee; COFFEE!", ["Brew", "coffee", "COFFEE"]),
        ("c++", "C++ and C, not C#", ["C++"]),
        ("프로젝트", "우리는 프로젝트를 시작했다", ["프로젝트"]),
        ("图书馆", "北京大学的图书馆很大", ["图书馆"]),
        ("東京タワー", "昨日は東京タワーへ行った", ["東京タワー"]),
        ("дом", "новые дома, дом", ["дома", "дом"]),
        ("snake_case", "a snake_case name", ["snake_case"]),
        ("case", "a snake_case name", ["case"]),
        ("email", "your e-mail, e‑mail or Email", ["e-mail", "e‑mail", "Email"]),
        ("e-mail", "an email, e-mail, a mail", ["email", "e-mail", "mail"]),
        ("create request", "createRequest() or create_request", ["createRequest", "create_request"]),
        ("1000", "1,000 of 1000", ["1,000", "1000"]),
        ("nothing here", "other words", []),
        ("", "other words", []),
    ],
)
def test_a_word_is_marked_where_the_search_finds_it(query: str, text: str, expected: list[str]) -> None:
    assert marked(query, text) == expected


@given(st.text(), st.text())
def test_marks_are_in_order_and_do_not_overlap(query: str, text: str) -> None:
    marks = matched_words("document", query, f"{text} {query} {text}")

    flat = [place for mark in marks for place in mark]
    assert flat == sorted(set(flat))


TEXT = "coffee once. " + "filler words " * 60 + "strong coffee at home. " + "filler words " * 60 + "coffee"


def weights(query: str) -> dict[int, float]:
    return dict.fromkeys(query_terms("document", query), 1.0)


def test_the_best_window_has_most_of_the_words_and_whole_ones() -> None:
    found = list(matches("document", weights("strong coffee home"), TEXT))

    start, end = best_window(found, weights("strong coffee home"), TEXT) or (0, 0)

    assert "strong coffee at home" in TEXT[start:end]
    assert end - start <= WINDOW
    assert TEXT[start - 1] == " "
    assert TEXT[end] == " "


def test_the_best_passage_is_the_first_of_equal_ones() -> None:
    found, coffee = (list(matches("document", weights(query), TEXT)) for query in ("coffee home", "coffee"))
    passages = [(0, 12), (13, 400), (790, 820), (len(TEXT) - 6, len(TEXT))]

    assert best_passage(found, weights("coffee home"), passages) == (790, 820)
    assert best_passage(coffee, weights("coffee"), passages) == (0, 12)
    assert best_passage([], {}, passages) == (0, 12)
    assert best_passage(found, {}, []) is None
