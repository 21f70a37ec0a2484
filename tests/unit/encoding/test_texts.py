"""The form of a text that is hashed and encoded."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pc_worker.encoding import normalised_text, text_hash


@given(st.text())
def test_normalising_twice_changes_nothing_more(text: str) -> None:
    once = normalised_text(text)

    assert normalised_text(once) == once


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("a  b\n", " a b", id="white space"),
        pytest.param(unicodedata.normalize("NFD", "프로젝트 café"), "프로젝트 café", id="decomposed"),
        pytest.param("a\u00a0b\u3000c", "a b c", id="blanks of other scripts"),
    ],
)
def test_texts_that_read_the_same_share_a_hash(one: str, other: str) -> None:
    assert text_hash(one) == text_hash(other)


@pytest.mark.parametrize(("one", "other"), [("Go", "go"), ("a b", "ab"), ("C", "C#"), ("", "0")])
def test_texts_that_differ_have_different_hashes(one: str, other: str) -> None:
    assert text_hash(one) != text_hash(other)


def test_a_hash_is_16_bytes_even_of_half_a_character() -> None:
    assert len(text_hash("a\ud800")) == 16
