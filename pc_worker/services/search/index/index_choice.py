"""Choose the vector index of a domain by its size and the memory of the database server."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

from pc_worker.store.search.index.build import IndexSpec, hnsw_build_bytes, hnsw_bytes
from pc_worker.store.search.index.memory import ServerMemory
from pc_worker.store.search.scope import Method
from pc_worker.store.search.vector_form import Precision, VectorForm

#: With fewer vectors, comparing all of them takes about 10 ms and finds everything.
MIN_VECTORS = 5_000
#: The most dimensions of an index that is chosen here; `--binary` and `--dimensions` allow more.
MAX_DIMENSION = 4_000
#: Shares of the server's memory that one index may take: searches read all of it, and its graph is built in memory.
SHARE, BUILD_SHARE = 4, 2
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
    parts: int = 1,
) -> IndexSpec | None:
    """Return the index to build and why; None if a search compares all vectors instead.

    Args:
        vectors: The number of vectors.
        dimension: Their dimension.
        memory: The memory of the database server.
        method: The method to use instead of the chosen one.
        precision: The precision to use instead of the chosen one.
        first: Index at most this many of the first numbers.
        parts: The number of tables that they are in; each gets an index. A search reads all of them, so all must fit.
    """
    wanted = PRECISIONS if precision is None else (precision,)
    forms = [form for each in wanted if (form := VectorForm(dimension, each, first)).indexable]
    if precision is None and (first or dimension) > MAX_DIMENSION:
        return None
    if vectors < MIN_VECTORS or not forms:
        return None
    budget = memory.bytes // SHARE
    allowed = f"{_gib(budget)}, a quarter of {memory.source}"
    each_part = vectors // parts
    room = memory.bytes // BUILD_SHARE
    fitting = [
        form for form in forms if hnsw_bytes(vectors, form) <= budget and hnsw_build_bytes(each_part, form) <= room
    ]
    if method == "hnsw" or (method is None and fitting):
        form = (fitting or forms[-1:])[0]
        return IndexSpec("hnsw", form, why=_why_hnsw(vectors, form, forms, allowed))
    form = next((each for each in forms if each.bytes * vectors <= budget), forms[-1])
    lists = each_part // 1000 if each_part <= 1_000_000 else round(sqrt(each_part))
    why = f"ivfflat, {NAMES[form.precision]}: {_gib(form.bytes * vectors)} for {vectors:,} vectors of {allowed}"
    if method is None:
        why += f"; to build hnsw would take {_gib(hnsw_build_bytes(each_part, forms[-1]))} or more"
    return IndexSpec("ivfflat", form, max(1, lists), why)


def _why_hnsw(vectors: int, form: VectorForm, forms: Sequence[VectorForm], allowed: str) -> str:
    why = f"hnsw, {NAMES[form.precision]}: {_gib(hnsw_bytes(vectors, form))} for {vectors:,} vectors of {allowed}"
    larger = forms[: forms.index(form)]
    if not larger:
        return why
    return f"{why}; {NAMES[larger[-1].precision]} would take {_gib(hnsw_bytes(vectors, larger[-1]))}"


def _gib(size: int) -> str:
    return f"{size / GIB:.1f} GiB"
