"""The vector index is chosen by size and memory, and the reason is stated."""

from __future__ import annotations

import pytest

from pc_worker.services.search.index.index_choice import GIB, MIN_VECTORS, choose_index
from pc_worker.services.search.index.indexes import settled
from pc_worker.store.search.index.build import hnsw_build_bytes, hnsw_bytes
from pc_worker.store.search.index.memory import ServerMemory, own_memory
from pc_worker.store.search.index.recall import Recall
from pc_worker.store.search.vector_form import Precision, VectorForm

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
    assert spec.why.endswith("; full precision would take 7.6 GiB")


def test_the_memory_of_a_machine_is_known() -> None:
    assert own_memory() > GIB // 4


@pytest.mark.parametrize(
    ("dimension", "precision", "first", "on_disk"),
    [
        (384, "full", None, 2_047),
        (384, "half", None, 1_170),
        (384, "half", 192, 694),
        (384, "binary", None, 348),
        (1536, "full", None, 8_188),
        (1536, "half", None, 4_094),
        (1536, "half", 512, 1_365),
        (1536, "binary", None, 501),
    ],
)
def test_the_size_of_an_index_is_the_measured_one(
    dimension: int, precision: Precision, first: int | None, on_disk: int
) -> None:
    estimated = hnsw_bytes(1_000, VectorForm(dimension, precision, first)) / 1_000

    assert estimated == pytest.approx(on_disk, rel=0.025)


@pytest.mark.parametrize("precision", ["full", "half", "binary"])
def test_the_memory_to_build_an_index_suffices(precision: Precision) -> None:
    """pgvector says after how many vectors the memory is full: 716 bytes each besides the numbers."""
    form = VectorForm(384, precision)

    assert hnsw_build_bytes(3_000_000, form) > 3_000_000 * (form.bytes + 716)


def test_an_index_that_is_small_but_too_large_to_build_is_not_chosen() -> None:
    little = ServerMemory(4 * GIB, "the memory of this machine")
    spec = choose_index(2_900_000, 384, little)

    assert spec is not None
    assert spec.method == "ivfflat"
    assert spec.why.endswith("; to build hnsw would take 2.2 GiB or more")
    in_parts = choose_index(2_900_000, 384, little, parts=4)
    assert in_parts is not None
    assert (in_parts.method, in_parts.form.precision) == ("hnsw", "binary")


@pytest.mark.parametrize(
    ("means", "breadth"),
    [((0.975,), 40), ((0.96, 0.993, 0.998), 60), ((0.96, 0.97, 0.975, 0.985), 80), ((0.98, 0.979, 0.981), 40)],
)
def test_a_breadth_grows_while_that_helps(means: tuple[float, ...], breadth: int) -> None:
    measured = [(ef, Recall(mean, 0.0)) for ef, mean in zip((40, 60, 80, 120), means, strict=False)]

    assert settled(measured)[0] == breadth
