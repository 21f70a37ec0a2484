"""The order of hits does not depend on ``k`` or ``offset``: pages joined equal one long list."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pc_worker.services.search import ranking
from pc_worker.services.search.reply import SearchHit
from pc_worker.services.search.request import SearchRequest
from pc_worker.services.search.search import search
from pc_worker.store.db.connection import Database
from pc_worker.store.search.filters.where import parse_where
from pc_worker.store.search.index.build import IndexSpec, build_index, maintenance
from pc_worker.store.search.index.catalog import index_states, record_index
from pc_worker.store.search.statistics import refresh_statistics
from pc_worker.store.search.vector_form import VectorForm
from tests.integration.search.shelf import Shelf, WordEncoder, open_shelf

ROWS = 330
QUERIES = ("x0", "x1 x5 x9", "x3 x3 x40", "x200", "x0 x1 x2 x3 x4 x5 x6")


@pytest.fixture(scope="module")
def shelf(database: Database) -> Shelf:
    """Return rows of a few words, so that many of them are equal and tie in both lists."""
    shelf = open_shelf(database, "document")
    chosen = np.random.default_rng(3)
    texts = [" ".join(f"x{int(n)}" for n in chosen.zipf(1.5, int(chosen.integers(1, 6))) % 60) for _ in range(ROWS)]
    shelf.add_all(texts, payloads=[{"part": f"p{n % 3}", "size": n} for n in range(ROWS)])
    refresh_statistics(database, "document")
    _build_index(database)
    return shelf


def _build_index(database: Database) -> None:
    with database.transaction() as cursor:
        (state,) = index_states(cursor, "document")
    with maintenance(database) as cursor:
        assert cursor is not None
        spec = IndexSpec("hnsw", VectorForm(state.dimension))
        name = build_index(cursor, state, spec, memory_bytes=1 << 26)
        record_index(cursor, state, name, method="hnsw", form=spec.form, lists=None)


def page(shelf: Shelf, query: str, mode: str, where: Sequence[str], *, k: int, offset: int = 0) -> list[SearchHit]:
    request = SearchRequest(
        query=query,
        domain="document",
        mode=mode,  # type: ignore[arg-type] # the test's own modes
        where=parse_where(where),
        k=k,
        offset=offset,
    )
    return list(search(shelf.database, request, encoder=WordEncoder).hits)


MODES = st.sampled_from(["hybrid", "vector", "text"])
FILTERS = st.sampled_from([(), ("part=p1",), ("size>=40",)])
REAL_SERVER = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)


@given(st.sampled_from(QUERIES), MODES, FILTERS, st.data())
@REAL_SERVER
def test_a_page_is_a_part_of_the_long_list(
    shelf: Shelf, query: str, mode: str, where: Sequence[str], data: st.DataObject
) -> None:
    long = page(shelf, query, mode, where, k=100) + page(shelf, query, mode, where, k=100, offset=100)
    k, offset = data.draw(st.integers(1, 100)), data.draw(st.integers(0, 199))

    part = page(shelf, query, mode, where, k=k, offset=offset)

    assert part[: 200 - offset] == long[offset : offset + k]


@pytest.mark.parametrize("where", [(), ("part=p0",)], ids=["all", "filtered"])
@pytest.mark.parametrize("mode", ["hybrid", "vector"])
def test_all_rows_come_once_with_descending_scores(shelf: Shelf, mode: str, where: Sequence[str]) -> None:
    rows = ROWS if not where else ROWS // 3
    hits = [hit for offset in range(0, ROWS + 50, 50) for hit in page(shelf, "x1 x5", mode, where, k=50, offset=offset)]

    assert len({hit.id for hit in hits}) == len(hits) == rows
    scores = [hit.score for hit in hits]
    assert scores == sorted(scores, reverse=True)


def test_the_first_rows_of_a_fusion_have_the_exact_scores_of_both_lists(shelf: Shelf) -> None:
    hits = page(shelf, "x1 x5", "hybrid", (), k=ranking.FUSED[0].end)

    by_text = {
        hit.id: hit.score
        for offset in (0, 100, 200, 300)
        for hit in page(shelf, "x1 x5", "text", (), k=100, offset=offset)
    }
    assert [hit.text_score for hit in hits] == pytest.approx([by_text.get(hit.id, 0.0) for hit in hits])
