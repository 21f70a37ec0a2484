"""The vector index is chosen by size and memory, and the reason is stated."""

from __future__ import annotations

import pytest

from pc_worker.services.search.index_choice import GIB, MIN_VECTORS, choose_index
from pc_worker.store.search.index.memory import ServerMemory, own_memory

MEMORY = ServerMemory(16 * GIB, "the memory of this machine")


@pytest.mark.parametrize(
    ("vectors", "dimension", "method", "precision"),
    [
        (100_000, 384, "hnsw", "full"),
        (400_000, 1536, "hnsw", "full"),
        (1_000_000, 1536, "hnsw", "half"),
        (5_000_000, 1536, "hnsw", "binary"),
        (50_000_000, 1536, "ivfflat", "binary"),
        (10_000, 3072, "hnsw", "half"),
    ],
)
def test_the_most_precise_index_that_fits_is_chosen(vectors: int, dimension: int, method: str, precision: str) -> None:
    spec = choose_index(vectors, dimension, MEMORY)

    assert spec is not None
    assert (spec.method, spec.form.precision) == (method, precision)
    assert "4.0 GiB, a quarter of the memory of this machine" in spec.why


def test_little_is_compared_and_too_wide_is_not_indexed() -> None:
    assert choose_index(MIN_VECTORS - 1, 384, MEMORY) is None
    assert choose_index(10_000, 8_000, MEMORY) is None
    wide = choose_index(10_000, 8_000, MEMORY, precision="binary")
    assert wide is not None
    assert wide.form.expression("vector") == "binary_quantize(vector)::bit(8000)"


def test_stated_options_are_kept() -> None:
    spec = choose_index(5_000_000, 1536, MEMORY, method="hnsw", precision="half", first=256)
    assert spec is not None
    assert spec.form.expression("vector") == "(subvector(vector, 1, 256))::halfvec(256)"
    lists = choose_index(100_000, 384, MEMORY, method="ivfflat")
    assert lists is not None
    assert (lists.form.precision, lists.lists) == ("full", 100)


def test_the_reason_names_what_does_not_fit() -> None:
    spec = choose_index(1_000_000, 1536, MEMORY)

    assert spec is not None
    assert spec.why.startswith("hnsw, half precision: 3.8 GiB for 1,000,000 vectors of 4.0 GiB")
    assert spec.why.endswith("; full precision would take 7.3 GiB")


def test_the_memory_of_a_machine_is_known() -> None:
    assert own_memory() > GIB // 4
