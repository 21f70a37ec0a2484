"""Vector indexes on a real server: when they are built, that plans use them, and what they find."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from pc_worker.errors import InvalidRequest
from pc_worker.services.search.index.indexes import (
    build_indexes,
    check_recall,
    index_status,
    maintain_indexes,
    tune_indexes,
)
from pc_worker.services.search.request import SearchRequest
from pc_worker.services.search.search import search
from pc_worker.store.db.connection import Database
from pc_worker.store.models.registry import register_model
from pc_worker.store.search.filters.where import parse_where
from pc_worker.store.search.index.catalog import PREFIX, IndexState, record_recall
from pc_worker.store.search.scope import Scope, begin_search
from pc_worker.store.search.scores.bm25 import MATCHING
from pc_worker.store.search.scores.nearest import INDEXED
from pc_worker.store.search.statistics import refresh_statistics
from pc_worker.store.search.vector_form import VectorForm
from tests.integration.search.shelf import Shelf, WordEncoder, embed, open_shelf
from tests.support.waiting import eventually

ROWS = 6_000  # above what is worth an index
TOPICS = 10


@pytest.fixture(scope="module")
def shelf(database: Database) -> Shelf:
    shelf = open_shelf(database, "document")
    chosen = np.random.default_rng(3)
    for start in range(0, ROWS, 1_000):
        words = [" ".join(f"word{n}" for n in chosen.integers(0, 800, 12)) for _ in range(1_000)]
        payloads = [{"n": start + i, "topic": f"t{i % TOPICS}", "rare": f"r{(start + i) // 15}"} for i in range(1_000)]
        shelf.add_all(words, payloads=payloads)
    with database.transaction() as cursor:
        cursor.execute("ANALYZE embeddings; ANALYZE row_terms; ANALYZE rows")
    refresh_statistics(database, "document")
    return shelf


@pytest.fixture(scope="module")
def indexed(shelf: Shelf, database: Database) -> Shelf:
    build_indexes(database, "document")
    return shelf


@pytest.fixture(autouse=True)
def nothing_is_left_open(database: Database) -> Iterator[None]:
    yield
    # The server releases the locks of a session shortly after its client is gone.
    eventually(lambda: not _advisory_locks(database), what="no advisory lock")


def _advisory_locks(database: Database) -> int:
    with database.transaction() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database"
            " WHERE l.locktype = 'advisory' AND d.datname = current_database()"
        )
        ((count,),) = cursor.fetchall()
        return int(count)


def state_of(database: Database) -> IndexState:
    (state,) = [state for state in index_status(database, "document") if state.active]
    return state


def ann_indexes(database: Database) -> list[str]:
    with database.transaction() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relkind = 'i' AND starts_with(relname, %s)", (PREFIX,))
        return [name for (name,) in cursor.fetchall()]


def plan_of(database: Database, statement: str, values: dict[str, object]) -> str:
    with database.transaction() as cursor:
        profile = begin_search(cursor, "document")
        assert profile is not None
        assert profile.index is not None
        cursor.execute(profile.index.settings(50))
        cursor.execute(f"EXPLAIN {statement}", Scope(profile=profile).parameters | values)
        return "\n".join(line for (line,) in cursor.fetchall())


def test_no_index_is_built_during_a_load(shelf: Shelf, database: Database) -> None:
    with database.transaction() as cursor:
        cursor.execute(
            "INSERT INTO jobs (job_id, domain, source, request, state) VALUES ('j', 'document', '/f', '{}', 'running')"
        )

    assert maintain_indexes(database) == []

    with database.transaction() as cursor:
        cursor.execute("UPDATE jobs SET state = 'completed'")
    assert maintain_indexes(database) == ["document"]
    assert maintain_indexes(database) == []


def test_an_index_is_measured_when_it_is_built(indexed: Shelf, database: Database) -> None:
    built = state_of(database).built

    assert built is not None
    assert (built.method, built.vectors, built.precision) == ("hnsw", ROWS, "full")
    assert (built.recall_mean or 0) >= 0.95
    assert built.recall_min is not None
    assert built.size_bytes > 0


def test_the_vector_plan_uses_the_index(indexed: Shelf, database: Database) -> None:
    statement = INDEXED.format(filter="", distance=VectorForm(64).distance("e.vector", "%(vector)s::vector"))
    vector = str(embed("word1 word2").tolist())

    plan = plan_of(database, statement, {"vector": vector, "passages": 50, "limit": 50})

    assert f"Index Scan using {PREFIX}" in plan


def test_the_text_plan_uses_the_terms_index(indexed: Shelf, database: Database) -> None:
    statement = MATCHING.format(score="e.length", norm="", filter="", facets="AND e.terms @> %(facets)s::integer[]")

    plan = plan_of(database, statement, {"candidates": [1, 2], "facets": [-5], "limit": 50})

    assert "Bitmap Index Scan on row_terms_any" in plan


@pytest.mark.parametrize(
    ("where", "matches"),
    [
        pytest.param(["topic=t3"], ROWS // TOPICS, id="a tenth"),
        pytest.param(["rare=r7"], 15, id="15 rows"),
        pytest.param(["rare=r7", "topic=t5"], 2, id="two at once"),
        pytest.param(["n<=11"], 12, id="a narrow range"),
        pytest.param(["n>=100", "topic=t3"], ROWS // TOPICS - 10, id="a wide range in a tenth"),
        pytest.param(["topic=none"], 0, id="nothing"),
    ],
)
@pytest.mark.parametrize("mode", ["vector", "hybrid"])
@pytest.mark.parametrize("k", [10, 100])
def test_a_filtered_search_returns_k_hits_when_k_exist(
    indexed: Shelf, database: Database, where: list[str], matches: int, mode: str, k: int
) -> None:
    request = SearchRequest(
        query="word5 word17",
        domain="document",
        k=k,
        mode=mode,  # type: ignore[arg-type] # one of the modes
        where=parse_where(where),
    )

    assert len(search(database, request, encoder=WordEncoder).hits) == min(k, matches)


def test_the_index_finds_nearly_all_that_comparing_all_finds(indexed: Shelf, database: Database) -> None:
    request = SearchRequest(query="word1 word2 word3", domain="document", mode="vector")
    found = [hit.vector_score or 0.0 for hit in search(database, request, encoder=WordEncoder).hits]

    query = embed("word1 word2 word3")
    truth = sorted((float(embed(text) @ query) for text in indexed.texts.values()), reverse=True)[:10]

    assert sum(score >= truth[-1] - 1e-5 for score in found) >= 8
    assert found[0] == pytest.approx(truth[0], abs=1e-5)


def test_rows_with_many_passages_do_not_displace_others(indexed: Shelf, database: Database) -> None:
    text = "alpha beta " * 120
    crowd = indexed.add_all([text] * 5, passages=[(i * 11, i * 11 + 10) for i in range(120)])

    request = SearchRequest(query="alpha beta", domain="document", mode="vector", k=20)
    hits = search(database, request, encoder=WordEncoder).hits

    assert len({hit.id for hit in hits}) == 20
    assert {hit.id for hit in hits[:5]} == {str(row_id) for row_id in crowd}


def test_a_leftover_of_a_failed_build_is_dropped(indexed: Shelf, database: Database) -> None:
    used = ann_indexes(database)
    with database.transaction() as cursor:
        cursor.execute(f"CREATE INDEX {PREFIX}left_over ON embeddings (domain)")
        cursor.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'embeddings_ann_left_over'::regclass")

    maintain_indexes(database)

    assert ann_indexes(database) == used


def test_a_missing_index_is_built_again(indexed: Shelf, database: Database) -> None:
    (name,) = ann_indexes(database)
    with database.transaction() as cursor:
        cursor.execute(f"DROP INDEX {name}")

    assert maintain_indexes(database) == ["document"]
    assert ann_indexes(database) != [name]


def test_ivfflat_is_rebuilt_after_growth(indexed: Shelf, database: Database) -> None:
    build_indexes(database, "document", method="ivfflat")
    assert maintain_indexes(database) == []
    with database.transaction() as cursor:
        cursor.execute("UPDATE vector_indexes SET vectors = vectors / 4, lists = 1")

    assert maintain_indexes(database) == ["document"]
    assert len(ann_indexes(database)) == 1
    assert (state_of(database).built or pytest.fail("no index")).vectors >= ROWS


@pytest.mark.parametrize(
    ("form", "target"),
    [
        ({}, 0.97),
        ({"precision": "half"}, 0.97),
        ({"precision": "half", "first": 48}, 0.95),
        ({"precision": "binary"}, 0.5),  # 64 bits are few
    ],
)
@pytest.mark.parametrize("method", ["hnsw", "ivfflat"])
def test_every_kind_of_index_is_used_and_reaches_its_target(
    indexed: Shelf, database: Database, method: Any, form: dict[str, Any], target: float
) -> None:
    build_indexes(database, "document", method=method, **form)
    index = state_of(database).searched_by
    assert index is not None
    statement = INDEXED.format(filter="", distance=index.form.distance("e.vector", "%(vector)s::vector"))
    vector = str(embed("word1 word2").tolist())
    assert PREFIX in plan_of(database, statement, {"vector": vector, "passages": 50, "limit": 50})

    (tuned,) = tune_indexes(database, "document", recall=target)

    assert tuned.reached
    assert tuned.recall.least <= tuned.recall.mean
    request = SearchRequest(query="word1 word2", domain="document", mode="vector", k=100)
    assert len(search(database, request, encoder=WordEncoder).hits) == 100


def test_the_recall_check_measures_the_present_index(indexed: Shelf, database: Database) -> None:
    build_indexes(database, "document")

    found = check_recall(database, queries=5)

    assert 0.8 <= found["document"].mean <= 1


def test_a_measurement_of_a_replaced_index_is_not_its_successors(indexed: Shelf, database: Database) -> None:
    (before,) = index_status(database, "document")
    build_indexes(database, "document", method="ivfflat")
    (after,) = index_status(database, "document")

    with database.transaction() as cursor:  # as a check that began before the build ends after it
        record_recall(cursor, before, breadth=321, target=0.5, mean=0.5, least=0.1)

    (now,) = index_status(database, "document")
    assert now.built == after.built
    build_indexes(database, "document")


def test_two_builders_do_not_run_at_once(indexed: Shelf, database: Database, database_url: str) -> None:
    other = Database(database_url)
    with other.transaction() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('vector indexes', 0))")

        assert maintain_indexes(database) == []
        with pytest.raises(InvalidRequest, match="another process"):
            build_indexes(database, "document")
    other.close()


def test_a_model_that_is_being_backfilled_has_no_index_yet(indexed: Shelf, database: Database) -> None:
    with database.transaction() as cursor:
        other = register_model(cursor, name="next", revision="1", dimension=8, normalised=True, encodable=True)
        cursor.execute(
            "INSERT INTO embeddings (domain, row_id, model_id, passage, dimension, start_char, end_char, vector) "
            "SELECT domain, row_id, %s, 0, 8, 0, 0, subvector(vector, 1, 8) FROM embeddings "
            "WHERE domain = 'document' AND passage = 0 ORDER BY row_id LIMIT 5500",
            (other.model_id,),
        )
    assert maintain_indexes(database) == []

    with database.transaction() as cursor:
        cursor.execute(
            "INSERT INTO embeddings (domain, row_id, model_id, passage, dimension, start_char, end_char, vector) "
            "SELECT domain, row_id, %s, 0, 8, 0, 0, subvector(vector, 1, 8) FROM embeddings "
            "WHERE domain = 'document' AND model_id = %s AND passage = 0 ON CONFLICT DO NOTHING",
            (other.model_id, indexed.model.model_id),
        )
    assert maintain_indexes(database) == ["document"]
    assert len(ann_indexes(database)) == 2

    with database.transaction() as cursor:
        cursor.execute("DELETE FROM embeddings WHERE model_id = %s", (other.model_id,))
    maintain_indexes(database)
    assert len(ann_indexes(database)) == 1


def test_an_empty_domain_never_has_an_index(database: Database) -> None:
    open_shelf(database, "recruit")

    assert build_indexes(database, "recruit") == {}
    assert maintain_indexes(database) == []


def test_a_build_states_its_reason(indexed: Shelf, database: Database) -> None:
    why = build_indexes(database, "document")["document"]

    assert why.startswith("hnsw, full precision: ")
    assert "a quarter of the memory of this machine" in why
