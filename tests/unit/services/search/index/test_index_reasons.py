"""The reason why no index was built is correct."""

from __future__ import annotations

import pytest

from pc_worker.services.search.index.indexes import why_nothing_was_built
from pc_worker.store.search.index.catalog import IndexState


@pytest.mark.parametrize(
    ("dimension", "vectors", "words"),
    [
        (384, 10, "nothing to build below 5,000 vectors"),
        (4_001, 10_000, "at most 4,000 dimensions, with --binary 64,000: fewer than those of mine (4,001)"),
        (4_001, 0, "nothing to build below 5,000 vectors"),
    ],
)
def test_the_reason_is_the_right_one(dimension: int, vectors: int, words: str) -> None:
    state = IndexState(
        domain="mine", model_id=1, model="m@1", dimension=dimension, active=True, rows=vectors, vectors=vectors,
        loading=False,
        oldest_rules=None, built=None,
    )  # fmt: skip

    assert words in why_nothing_was_built([state])
