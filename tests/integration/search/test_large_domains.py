"""What runs in the background reads a bounded part of a large domain; what it counts of a small one stays exact."""

from __future__ import annotations

from collections.abc import Callable
from math import log
from uuid import UUID

import numpy as np
import pytest

from pc_worker.services.search.index import index_choice, indexes
from pc_worker.services.search.request import SearchRequest
from pc_worker.services.search.search import search
from pc_worker.store.db.connection import Cursor, Database
from pc_worker.store.log.append import append_log
from pc_worker.store.log.epochs import begin_epoch
from pc_worker.store.models.registry import register_model
from pc_worker.store.search import log_sample, statistics
from pc_worker.store.search.filters.where import parse_where
from pc_worker.store.search.index import catalog
from pc_worker.store.search.index.catalog import index_states
from pc_worker.store.search.log_sample import sample_rows
from pc_worker.store.search.scope import begin_search
from pc_worker.store.search.statistics import CollectionStatistics, refresh_statistics
from pc_worker.store.search.words.splitting import RULES
from pc_worker.store.search.words.word_counts import word_id
from tests.integration.search.shelf import Shelf, WordEncoder, open_shelf

ROWS, WORDS, TOPICS = 3_000, 300, 10
#: What is counted instead of 300,000 rows and 20,000, and of 100,000 entries.
COUNTED, REPEATED, ENTRIES = 400, 200, 300


@pytest.fixture
def shelf(database: Database, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    """Return a domain that is large, compared with what is counted."""
    monkeypatch.setattr(statistics, "COUNTED_ROWS", COUNTED)
    monkeypatch.setitem(statistics.COUNTED, "repeated_rows", REPEATED)
    monkeypatch.setattr(log_sample, "RUN", 10)
    monkeypatch.setattr(catalog, "COUNTED", ENTRIES)
    with database.transaction() as cursor:
        cursor.execute("DELETE FROM rows; DELETE FROM log; DELETE FROM log_batches; DELETE FROM vector_indexes")
        cursor.execute("DELETE FROM search_statistics; DELETE FROM term_statistics; DELETE FROM domains")
    shelf = open_shelf(database, "document")
    fill(shelf, ROWS)
    return shelf


def fill(shelf: Shelf, rows: int) -> None:
    chosen = np.random.default_rng(5)
    weights = 1 / np.arange(1, WORDS + 1)
    texts = [" ".join(f"x{n}" for n in chosen.choice(WORDS, size=8, p=weights / weights.sum())) for _ in range(rows)]
    shelf.add_all(texts, payloads=[{"topic": f"t{n % TOPICS}"} for n in range(rows)])
    shelf.database.connection.commit()
    shelf.database.connection.autocommit = True
    with shelf.database.connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE embeddings, row_terms")
    shelf.database.connection.autocommit = False


def rows_read(database: Database, table: str, work: Callable[[], object]) -> int:
    """Return how many rows and index entries of a table the work reads."""
    before = _counter(database, table)
    work()
    return _counter(database, table) - before


def _counter(database: Database, table: str) -> int:
    with database.transaction() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
    with database.transaction() as cursor:
        cursor.execute(
            "SELECT t.seq_tup_read + sum(i.idx_tup_read) FROM pg_stat_user_tables t JOIN pg_stat_user_indexes i "
            "USING (relid) WHERE t.relname = %s GROUP BY t.seq_tup_read",
            (table,),
        )
        return int((cursor.fetchone() or (0,))[0])


def collection_of(database: Database) -> CollectionStatistics:
    with database.transaction() as cursor:
        profile = begin_search(cursor, "document")
    assert profile is not None
    assert profile.collection is not None
    return profile.collection


def documents_of(database: Database, word: str) -> int:
    with database.transaction() as cursor:
        cursor.execute(
            "SELECT documents FROM term_statistics WHERE domain = 'document' AND term = %s",
            (word_id("document", word),),
        )
        return int((cursor.fetchone() or (0,))[0])


def test_statistics_read_as_many_rows_however_large_the_domain_is(shelf: Shelf, database: Database) -> None:
    most = REPEATED + (COUNTED + 1) + 2 * COUNTED
    assert rows_read(database, "row_terms", lambda: refresh_statistics(database, "document")) <= most

    fill(shelf, ROWS)

    assert rows_read(database, "row_terms", lambda: refresh_statistics(database, "document")) <= most
    assert collection_of(database).documents == pytest.approx(2 * ROWS, rel=0.05)


def test_a_sample_is_near_the_count(shelf: Shelf, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    refresh_statistics(database, "document")
    words = ["x0", "x1", "x2", "x5"]
    estimated, sampled = [documents_of(database, word) for word in words], collection_of(database)
    monkeypatch.setattr(statistics, "COUNTED_ROWS", ROWS)

    refresh_statistics(database, "document", always=True)

    assert estimated == pytest.approx([documents_of(database, word) for word in words], rel=0.4)
    counted = collection_of(database)
    assert (counted.documents, counted.current, counted.unseen) == (ROWS, True, 0)
    assert sampled.mean_length == pytest.approx(counted.mean_length, rel=0.1)
    assert not sampled.current
    assert sampled.unseen == pytest.approx(ROWS / (2 * COUNTED), rel=0.1)


def test_replaced_rows_count_once(shelf: Shelf, database: Database) -> None:
    for _ in range(3):
        _deliver_again(shelf, list(shelf.texts)[::2])

    refresh_statistics(database, "document")

    assert collection_of(database).documents == pytest.approx(ROWS, rel=0.15)


def _deliver_again(shelf: Shelf, ids: list[UUID]) -> None:
    def work(cursor: Cursor) -> None:
        append_log(cursor, domain=shelf.domain, ids=ids, job_id=None, model_id=shelf.model.model_id)

    shelf.database.repeat(work)


def test_rows_that_are_in_no_log_are_all_counted(shelf: Shelf, database: Database) -> None:
    with database.transaction() as cursor:
        cursor.execute("DELETE FROM log")

    refresh_statistics(database, "document")

    assert (collection_of(database).documents, collection_of(database).unseen) == (ROWS, 0)


def test_runs_are_longer_where_most_positions_are_of_replaced_rows(shelf: Shelf, database: Database) -> None:
    for _ in range(4):
        _deliver_again(shelf, list(shelf.texts))
    with database.transaction() as cursor:
        scale = sample_rows(cursor, "document", rows=COUNTED)
        cursor.execute("SELECT count(*), count(DISTINCT row_id) FROM sampled_rows")
        rows, different = cursor.fetchone() or (0, 0)

    assert COUNTED / 3 <= rows <= 2 * COUNTED
    assert different == rows
    assert rows * scale == pytest.approx(ROWS, rel=0.3)


@pytest.mark.parametrize("leap", [0, 10**9])
def test_a_sample_after_a_restore_is_of_the_new_epoch(shelf: Shelf, database: Database, leap: int) -> None:
    for _ in range(20):
        _deliver_again(shelf, list(shelf.texts)[:30])
    with database.transaction() as cursor:
        begin_epoch(cursor, "document", base=None, leap=leap)
    shelf.add_all(["x0 later"] * 300, payloads=[{"topic": "t0"}] * 300)
    with database.transaction() as cursor:
        scale = sample_rows(cursor, "document", rows=COUNTED)
        cursor.execute("SELECT count(*), count(DISTINCT row_id) FROM sampled_rows")
        rows, different = cursor.fetchone() or (0, 0)

    assert COUNTED / 2 <= rows == different <= 2 * COUNTED
    assert rows * scale == pytest.approx(ROWS + 300, rel=0.3)


def test_where_an_epoch_begins_is_found_with_few_batches(shelf: Shelf, database: Database) -> None:
    for row_id in [*shelf.texts][:500]:
        _deliver_again(shelf, [row_id])
    with database.transaction() as cursor:
        begin_epoch(cursor, "document", base=None, leap=0)

    with database.transaction() as cursor:
        assert log_sample._present_epoch(cursor, "document") == (ROWS + 500, ROWS)
    assert rows_read(database, "log_batches", lambda: sample_once(database)) <= 100


def sample_once(database: Database) -> None:
    with database.transaction() as cursor:
        sample_rows(cursor, "document", rows=COUNTED)


def test_a_word_that_the_sample_lacks_is_found_and_weighs_as_a_rare_one(shelf: Shelf, database: Database) -> None:
    rare = shelf.add("x0 x1 onlyhere")
    refresh_statistics(database, "document", always=True)
    with database.transaction() as cursor:
        cursor.execute("DELETE FROM term_statistics WHERE term = %s", (word_id("document", "onlyhere"),))
    request = SearchRequest(query="x0 onlyhere", domain="document", mode="text")

    hits = search(database, request, encoder=WordEncoder).hits

    collection = collection_of(database)
    assert hits[0].id == str(rare)
    assert len(hits) == 10
    assert collection.idf(5) < collection.idf(0) == collection.idf(1) < log(2 * ROWS)


def test_a_filter_finds_all_rows_of_a_value(shelf: Shelf, database: Database) -> None:
    refresh_statistics(database, "document")
    shelf.add_all(["x0 few"] * 3, payloads=[{"topic": "rare"}] * 3)
    for mode in ("text", "vector", "hybrid"):
        request = SearchRequest(
            query="x0",
            domain="document",
            mode=mode,
            where=parse_where(["topic=rare"]),
        )

        assert len(search(database, request, encoder=WordEncoder).hits) == 3


def test_a_large_domain_is_counted_again_after_a_share_of_it_has_changed(shelf: Shelf, database: Database) -> None:
    refresh_statistics(database, "document")
    shelf.add_all(["x0"] * (ROWS // 100))
    assert refresh_statistics(database, "document") is False
    assert refresh_statistics(database, "document", always=True) is True
    shelf.add_all(["x0"] * (ROWS // 20))

    assert refresh_statistics(database, "document") is True


def test_rows_of_older_rules_that_a_sample_may_lack_are_not_forgotten(shelf: Shelf, database: Database) -> None:
    def oldest() -> int | None:
        with database.transaction() as cursor:
            return index_states(cursor, "document")[0].oldest_rules

    refresh_statistics(database, "document")
    assert oldest() == RULES
    with database.transaction() as cursor:
        cursor.execute("UPDATE search_statistics SET oldest_rules = 1")

    refresh_statistics(database, "document", always=True)
    assert oldest() == 1

    refresh_statistics(database, "document", always=True, all_rules=True)
    assert oldest() == RULES


def test_the_vectors_of_a_large_domain_are_estimated(shelf: Shelf, database: Database) -> None:
    shelf.add_all(["a text of two passages"] * ROWS, passages=[(0, 6), (7, 22)])
    refresh_statistics(database, "document")
    with database.transaction() as cursor:
        (exact,) = index_states(cursor, "document")
        (estimated,) = index_states(cursor, "document", exact=False)

    assert (exact.rows, exact.vectors, exact.estimated) == (2 * ROWS, 3 * ROWS, False)
    assert estimated.estimated
    assert estimated.rows == pytest.approx(2 * ROWS, rel=0.05)
    assert estimated.vectors == pytest.approx(3 * ROWS, rel=0.15)


def test_maintenance_reads_a_bounded_part_of_the_vectors(
    shelf: Shelf, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    refresh_statistics(database, "document")

    assert rows_read(database, "embeddings", lambda: indexes.maintain_indexes(database)) <= ENTRIES

    monkeypatch.setattr(index_choice, "MIN_VECTORS", ROWS)
    assert indexes.maintain_indexes(database) == ["document"]
    with database.transaction() as cursor:
        (state,) = index_states(cursor, "document", exact=False)
    assert state.built is not None
    assert (state.built.rows, state.built.vectors) == (ROWS, ROWS)
    assert rows_read(database, "embeddings", lambda: indexes.maintain_indexes(database)) <= ENTRIES + 1


def test_a_second_model_of_a_large_domain_gets_its_index_when_it_is_complete(
    shelf: Shelf, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    refresh_statistics(database, "document")
    monkeypatch.setattr(index_choice, "MIN_VECTORS", ROWS // 4)
    assert indexes.maintain_indexes(database) == ["document"]
    copy = (
        "INSERT INTO embeddings (domain, row_id, model_id, passage, dimension, start_char, end_char, vector) "
        "SELECT domain, row_id, %s, 0, 8, 0, 0, subvector(vector, 1, 8) FROM embeddings "
        "WHERE domain = 'document' AND model_id = %s ORDER BY row_id LIMIT %s ON CONFLICT DO NOTHING"
    )
    with database.transaction() as cursor:
        other = register_model(cursor, name="second", revision="1", dimension=8, normalised=True, encodable=True)
        cursor.execute(copy, (other.model_id, shelf.model.model_id, ROWS // 2))
    assert indexes.maintain_indexes(database) == []

    with database.transaction() as cursor:
        cursor.execute(copy, (other.model_id, shelf.model.model_id, ROWS))
    assert indexes.maintain_indexes(database) == ["document"]
    with database.transaction() as cursor:
        cursor.execute("DELETE FROM embeddings WHERE model_id = %s", (other.model_id,))


@pytest.mark.parametrize("method", ["hnsw", "ivfflat"])
def test_the_recall_of_a_large_index_is_checked_without_comparing_all(
    shelf: Shelf, database: Database, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    monkeypatch.setattr(index_choice, "MIN_VECTORS", ROWS)
    monkeypatch.setattr(indexes, "COMPARED", ROWS - 1)
    refresh_statistics(database, "document")
    indexes.build_indexes(database, "document", method=method)  # type: ignore[arg-type] # one of the methods
    found: dict[str, object] = {}

    def check() -> None:
        found.update(indexes.check_recall(database, queries=5))

    with database.transaction() as cursor:
        (before,) = index_states(cursor, "document")
    read = rows_read(database, "embeddings", check)
    with database.transaction() as cursor:
        (after,) = index_states(cursor, "document")

    assert found.keys() == {"document"}
    sample = ENTRIES + ROWS  # the queries are drawn from at most 20,000 rows: of this table, all
    assert read < sample + ROWS
    assert after.built == before.built  # the recall that was measured exactly stays


def test_a_large_index_below_its_target_is_recorded(
    shelf: Shelf, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_choice, "MIN_VECTORS", ROWS)
    monkeypatch.setattr(indexes, "COMPARED", ROWS - 1)
    refresh_statistics(database, "document")
    indexes.build_indexes(database, "document", method="ivfflat")
    with database.transaction() as cursor:
        cursor.execute("UPDATE vector_indexes SET breadth = 1, target = 1")

    indexes.check_recall(database)

    with database.transaction() as cursor:
        (state,) = index_states(cursor, "document")
    assert state.built is not None
    assert state.built.recall_mean is not None
    assert state.built.recall_mean < 1
