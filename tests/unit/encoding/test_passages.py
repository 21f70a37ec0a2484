"""Passages: limits that hold, sentences that stay whole, nothing left out."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pc_worker.encoding.protocol import Span
from pc_worker.encoding.text.passages import split_passages


def words(texts: Sequence[str]) -> list[int]:
    """Count like a tokenizer with one token per four letters and none for blanks."""
    return [sum((len(word) + 3) // 4 for word in text.split()) for text in texts]


def split(text: str, *, tokens: int = 20, overlap: int = 0) -> list[str]:
    spans = split_passages(text, count=words, max_tokens=tokens, overlap_tokens=overlap)
    return [text[span.start : span.end] for span in spans]


SENTENCES = [f"Sentence {number} is short." for number in range(12)]  # 6 tokens each


def test_sentences_stay_whole() -> None:
    assert split(" ".join(SENTENCES), tokens=15) == [
        f"{a} {b}" for a, b in zip(SENTENCES[::2], SENTENCES[1::2], strict=True)
    ]


def test_a_passage_begins_with_the_sentences_that_ended_the_last_one() -> None:
    passages = split(" ".join(SENTENCES), tokens=18, overlap=6)

    assert all(one.endswith(other.split(". ")[0] + ".") for one, other in itertools.pairwise(passages))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("word " * 3000, id="no sentence end"),
        pytest.param("x" * 9000, id="one endless word"),
        pytest.param("설계" * 4000, id="no blank"),
        pytest.param("a, b; " * 2000 + "。" * 50, id="clauses"),
    ],
)
def test_the_limit_holds_inside_one_long_sentence(text: str) -> None:
    assert max(words(split(text))) <= 20


def test_passages_of_one_long_sentence_are_mostly_full() -> None:
    sizes = words(split("word " * 3000, tokens=200))

    assert min(sizes[:-1]) >= 150


def test_a_long_sentence_is_cut_at_line_ends_then_clauses_then_words() -> None:
    for mark in ("\n", ", ", " "):
        text = mark.join(["word"] * 30)
        assert all(piece.rstrip(",").endswith("word") and piece.startswith("word") for piece in split(text))


def test_an_accent_or_a_joined_emoji_is_not_torn_off() -> None:
    family = "👩\u200d👩\u200d👧"

    passages = split(family * 400)

    assert all(not passage.startswith("\u200d") and not passage.endswith("\u200d") for passage in passages)


@given(
    st.text(alphabet=st.sampled_from("abC .!?。,\n\u200d\u0301설"), max_size=400),
    st.integers(min_value=1, max_value=30),
    st.integers(min_value=0, max_value=10),
)
def test_limits_hold_order_is_kept_and_only_white_space_is_left_out(text: str, tokens: int, overlap: int) -> None:
    spans = split_passages(text, count=words, max_tokens=tokens, overlap_tokens=overlap)

    covered = {place for span in spans for place in range(span.start, span.end)}
    assert all(text[place].isspace() for place in set(range(len(text))) - covered)
    assert spans == sorted(set(spans))
    for span in spans:
        piece = text[span.start : span.end]
        assert piece == piece.strip() != ""
        assert words([piece])[0] <= tokens or len(piece) == 1


@given(st.integers(min_value=0, max_value=40))
def test_neighbours_share_no_more_than_the_overlap(overlap: int) -> None:
    text = " ".join(f"S{number} " + "word " * (number % 7) + "end." for number in range(60))

    spans = split_passages(text, count=words, max_tokens=50, overlap_tokens=overlap)

    for one, other in itertools.pairwise(spans):
        assert other.start > one.start
        assert other.end > one.end
        assert words([text[other.start : max(other.start, one.end)]])[0] <= overlap


def test_a_tokenizer_that_needs_more_for_the_whole_than_for_its_pieces_is_obeyed() -> None:
    def count(texts: Sequence[str]) -> list[int]:
        return [tokens + tokens // 4 for tokens in words(texts)]

    text = " ".join(SENTENCES)

    spans: list[Span] = split_passages(text, count=count, max_tokens=20, overlap_tokens=0)

    assert max(count([text[span.start : span.end] for span in spans])) <= 20
