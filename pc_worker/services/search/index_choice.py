"""Choose the vector index of a domain by its size and the memory of the database server."""

from __future__ import annotations

from math import sqrt

from pc_worker.store.search.index.build import IndexSpec, hnsw_bytes
from pc_worker.store.search.index.memory import ServerMemory
from pc_worker.store.search.scope import Method
from pc_worker.store.search.vector_form import Precision, VectorForm

#: With fewer vectors, comparing all of them takes about 10 ms and finds everything.
MIN_VECTORS = 5_000
#: The most dimensions of an index that is chosen here; `--binary` and `--dimensions` allow more.
MAX_DIMENSION = 4_000
#: Share of the server's memory that one index may take: its graph is built in memory, and searches read all of it.
SHARE = 4
GIB = 1 << 30
#: In the order of preference.
PRECISIONS: tuple[Precision, ...] = ("full", "half", "binary")
NAMES = {
    "full": "full precision",
    "half": "half precision",
    "binary": "one bit per number, compared again by the vectors",
}


def choose_index(
    vectors: int,
    dimension: int,
    memory: ServerMemory,
    *,
    method: Method | None = None,
    precision: Precision | None = None,
    first: int | None = None,
) -> IndexSpec | None:
    """Return the index to build and why; None if a search compares all vectors instead.

    Args:
        vectors: The number of vectors.
        dimension: Their dimension.
        memory: The memory of the database server.
        method: The method to use instead of the chosen one.
        precision: The precision to use instead of the chosen one.
        first: Index only so many of the first numbers.
    """
    wanted = PRECISIONS if precision is None else (precision,)
    forms = [form for each in wanted if (form := VectorForm(dimension, each, first)).indexable]
    if precision is None and (first or dimension) > MAX_DIMENSION:
        return None
    if vectors < MIN_VECTORS or not forms:
        return None
    budget = memory.bytes // SHARE
    fitting = [form for form in forms if hnsw_bytes(vectors, form) <= budget]
    if method == "hnsw" or (method is None and fitting):
        form = (fitting or forms[-1:])[0]
        return IndexSpec("hnsw", form, why=_why("hnsw", vectors, forms, form, budget, memory))
    form = forms[0] if precision is not None else (fitting or forms[-1:])[0]
    lists = vectors // 1000 if vectors <= 1_000_000 else round(sqrt(vectors))
    return IndexSpec("ivfflat", form, max(1, lists), _why("ivfflat", vectors, forms, form, budget, memory))


def _why(
    method: Method, vectors: int, forms: list[VectorForm], form: VectorForm, budget: int, memory: ServerMemory
) -> str:
    allowed = f"{_gib(budget)}, a quarter of {memory.source}"
    sizes = f"{_gib(hnsw_bytes(vectors, form))} for {vectors:,} vectors"
    chosen = f"{method}, {NAMES[form.precision]}"
    if method == "ivfflat":
        return f"{chosen}: an hnsw index would take {sizes}, and {allowed}, is there"
    larger = [each for each in forms[: forms.index(form)]]
    reason = f"; {NAMES[larger[-1].precision]} would take {_gib(hnsw_bytes(vectors, larger[-1]))}" if larger else ""
    return f"{chosen}: {sizes} of {allowed}{reason}"


def _gib(size: int) -> str:
    return f"{size / GIB:.1f} GiB"
