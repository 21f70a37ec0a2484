"""How near two sets of vectors are."""

from __future__ import annotations

import numpy as np
import pytest

from pc_worker.encoding import Vectors, compared
from pc_worker.encoding.agreement import probe_texts


@pytest.fixture
def vectors() -> Vectors:
    raw = np.random.default_rng(4).normal(size=(60, 16)).astype(np.float32)
    normalised: Vectors = raw / np.linalg.norm(raw, axis=1, keepdims=True)
    return normalised


def test_equal_vectors_agree_wholly(vectors: Vectors) -> None:
    agreement = compared(vectors, vectors.copy())

    assert agreement.min_cosine == pytest.approx(1)
    assert agreement.top10_overlap == 1


def test_one_text_that_differs_shows_in_the_minimum(vectors: Vectors) -> None:
    other = vectors.copy()
    other[7] = -other[7]

    agreement = compared(other, vectors)

    assert agreement.min_cosine == pytest.approx(-1)
    assert agreement.mean_cosine == pytest.approx(58 / 60)


def test_unrelated_vectors_share_few_neighbours(vectors: Vectors) -> None:
    assert compared(np.roll(vectors, 1, axis=0), vectors).top10_overlap < 0.4


def test_probes_are_distinct_and_hold_several_scripts_and_lengths() -> None:
    texts = probe_texts()

    assert len(set(texts)) == len(texts) > 100
    assert min(map(len, texts)) == 0
    assert max(map(len, texts)) > 5_000
