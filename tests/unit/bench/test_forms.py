"""The made vectors of the benchmark of index forms, and their true neighbours."""

from __future__ import annotations

import numpy as np

from pc_worker.bench.search.forms import TOLERANCE, Mixture, Truth


def test_true_neighbours_are_those_of_all_batches() -> None:
    mixture = Mixture(500, 32)
    queries, batches = mixture.vectors(7), [mixture.vectors(n) for n in (100, 3, 397)]

    truth = Truth(queries)
    for batch in batches:
        truth.add(batch)

    expected = -np.sort(-(queries @ np.concatenate(batches).T), axis=1)[:, :10] - TOLERANCE
    found = [question.truth for question in truth.questions()]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_vectors_are_unit_vectors_of_subjects_and_the_same_each_time() -> None:
    vectors = Mixture(500, 64).vectors(300)

    np.testing.assert_array_equal(vectors, Mixture(500, 64).vectors(300))
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, rtol=1e-5)
    similarities = np.sort(vectors @ vectors.T, axis=1)
    assert np.median(similarities[:, -2]) > 0.7  # of the same subject
    assert np.median(similarities) < 0.3
