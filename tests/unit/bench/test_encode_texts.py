"""The texts of `bench encode`."""

from __future__ import annotations

from pc_worker.bench.encode.texts import mixed_texts, skills_texts


def test_three_in_ten_mixed_texts_are_repeats_of_very_different_lengths() -> None:
    texts = mixed_texts(300)

    lengths = [len(text.split()) for text in texts]
    assert len(texts) == 300
    assert len(set(texts)) <= 210
    assert min(lengths) < 8
    assert max(lengths) > 150


def test_texts_are_the_same_in_every_run() -> None:
    assert mixed_texts(50) == mixed_texts(50)
    assert skills_texts(50) == skills_texts(50)


def test_skills_are_distinct_and_short() -> None:
    texts = skills_texts(300)

    assert len(set(texts)) == 300
    assert max(len(text.split(", ")) for text in texts) <= 12
