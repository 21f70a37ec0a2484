"""Vectors as text."""

from __future__ import annotations

import numpy as np

from pc_worker.store.search.scores.nearest import vector_text


def test_the_text_of_a_vector_keeps_each_number_exactly() -> None:
    bits = np.random.default_rng(5).integers(0, 2**32, 20_000, dtype=np.uint32).view(np.float32)
    numbers = np.concatenate([bits[np.isfinite(bits)], np.array([0, -0.0, 1, 1e-45, 3.4028235e38], np.float32)])

    text = vector_text(numbers)

    read = np.array([float(number) for number in text.removeprefix("[").removesuffix("]").split(",")], np.float32)
    np.testing.assert_array_equal(read, numbers)
