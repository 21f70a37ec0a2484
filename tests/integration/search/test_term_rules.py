"""Rows whose terms were made by older rules are found as before, and get new terms while others read and write."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import pytest

from pc_worker.doctor.servers import postgres
from pc_worker.model import RowOrigin
from pc_worker.model.filter import Condition
from pc_worker.services.search.index.indexes import index_status
from pc_worker.services.search.index.reindex import BATCH, reindex_terms
from pc_worker.services.search.request import SearchRequest
from pc_worker.services.search.search import search
from pc_worker.store.db.connection import Cursor, Database
from pc_worker.store.rows.merge import read_stored, upsert_rows
from pc_worker.store.search.filters.facets import facet
from pc_worker.store.search.query.former_words import first_query_words
from pc_worker.store.search.scope import begin_search
from pc_worker.store.search.statistics import refresh_statistics
from pc_worker.store.search.terms import row_terms
from pc_worker.store.search.words.splitting import RULES
from pc_worker.store.search.words.word_counts import word_id
from tests.integration.search.shelf import Shelf, WordEncoder, open_shelf
from tests.support.waiting import eventually

TEXTS = ["दिल्ली एक शहर है", "İstanbul'da bir café", "the library of Müller", "北京圖書館", "plain words only"]


@pytest.fixture
def shelf(database: Database) -> Shelf:
    """Return an empty domain."""
    with database.transaction() as cursor:
        cursor.execute("DELETE FROM rows; DELETE FROM search_statistics; DELETE FROM term_statistics")
    return open_shelf(database, "document")


def add_by_former_rules(shelf: Shelf, texts: Sequence[str]) -> list[UUID]:
    """Store rows as the previous version did."""
    ids = shelf.add_all(texts, payloads=[{"text": text, "n": n} for n, text in enumerate(texts)])

    def work(cursor: Cursor) -> None:
        for row_id, text in zip(ids, texts, strict=True):
            terms = sorted({word_id(shelf.domain, word) for word in first_query_words(text)})
            counts = "{" + ",".join(f"{term}:1" for term in terms) + "}/1000000000"
            cursor.execute(
                "UPDATE row_terms SET terms = %s, counts = %s, length = %s, rules = 1 WHERE row_id = %s",
                (terms, counts, len(terms), str(row_id)),
            )

    shelf.database.repeat(work)
    refresh_statistics(shelf.database, shelf.domain, always=True)
    return ids


def found(shelf: Shelf, query: str, **options: Any) -> list[str]:
    request = SearchRequest(query=query, domain=shelf.domain, mode="text", k=10, **options)
    return [shelf.texts[UUID(hit.id)] for hit in search(shelf.database, request, encoder=WordEncoder).hits]


def stored_terms(database: Database, row_id: UUID, table: str = "row_terms") -> tuple[list[int], int]:
    with database.transaction() as cursor:
        cursor.execute(f"SELECT terms, rules FROM {table} WHERE row_id = %s", (str(row_id),))
        ((terms, rules),) = cursor.fetchall()
        return terms, rules


def test_rows_of_both_rules_are_found_before_and_after_their_terms_are_replaced(shelf: Shelf) -> None:
    add_by_former_rules(shelf, TEXTS)
    shelf.add("दिल्ली में वर्षा")
    refresh_statistics(shelf.database, shelf.domain)

    assert set(found(shelf, "दिल्ली")) >= {TEXTS[0], "दिल्ली में वर्षा"}
    assert [found(shelf, query)[0] for query in ("café", "Müller", "圖書館", "words")] == TEXTS[1:]
    assert TEXTS[2] not in found(shelf, "Muller")

    assert reindex_terms(shelf.database, shelf.domain) == {shelf.domain: len(TEXTS)}

    assert set(found(shelf, "दिल्ली")) == {TEXTS[0], "दिल्ली में वर्षा"}
    queries = ("istanbul", "cafe", "Muller", "图书馆", "words")
    assert [found(shelf, query) for query in queries] == [[TEXTS[1]], [TEXTS[1]], [TEXTS[2]], [TEXTS[3]], [TEXTS[4]]]


def test_a_filter_finds_rows_whose_facets_are_of_older_rules(shelf: Shelf) -> None:
    (old,) = add_by_former_rules(shelf, ["one word"])
    shelf.add("two words", payload={"n": 0})
    where = Condition("n", "=", ("0",))

    assert len(found(shelf, "word", where=where)) == 2
    reindex_terms(shelf.database)
    assert len(found(shelf, "word", where=where)) == 2
    assert facet("document", "n", "0") in stored_terms(shelf.database, old)[0]


def test_new_terms_are_those_of_a_new_row(shelf: Shelf) -> None:
    ids = add_by_former_rules(shelf, TEXTS)

    reindex_terms(shelf.database)

    for n, (row_id, text) in enumerate(zip(ids, TEXTS, strict=True)):
        assert stored_terms(shelf.database, row_id) == (row_terms("document", text, {"text": text, "n": n}).ids, RULES)
    assert reindex_terms(shelf.database) == {}


def test_an_interrupted_run_continues(shelf: Shelf) -> None:
    add_by_former_rules(shelf, [f"Öl {n}" for n in range(BATCH + 20)])

    def interrupt(domain: str, rows: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reindex_terms(shelf.database, progress=interrupt)

    assert reindex_terms(shelf.database) == {shelf.domain: 20}


def test_a_row_that_a_job_changes_meanwhile_keeps_the_terms_of_its_new_content(shelf: Shelf, database_url: str) -> None:
    (row_id,) = add_by_former_rules(shelf, ["ancient café"])
    new = shelf._row("modern bistrô", {"text": "modern bistrô"}, (), None)
    row = type(new)(**{name: getattr(new, name) for name in new.__slots__} | {"row_id": row_id})
    origin = RowOrigin(domain=shelf.domain, source="shelf", job_seq=2, model_id=shelf.model.model_id)
    other = Database(database_url)
    done: list[dict[str, int]] = []
    reindexer = threading.Thread(target=lambda: done.append(reindex_terms(other)))

    with shelf.database.transaction() as cursor:
        read_stored(cursor, domain=shelf.domain, model_id=shelf.model.model_id, ids=[row_id], lock=True)
        reindexer.start()
        eventually(lambda: _is_waiting(database_url), what="a re-indexing that waits for the job's lock")
        upsert_rows(cursor, origin=origin, rows=[row], fresh=set())
    reindexer.join(timeout=60)

    assert done == [{}]
    assert stored_terms(shelf.database, row_id) == (row.terms.ids, RULES)
    other.close()


def _is_waiting(url: str) -> bool:
    watcher = Database(url)
    with watcher.transaction() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
        (count,) = cursor.fetchone() or (0,)
    watcher.close()
    return bool(count)


def test_parked_terms_are_replaced_too(shelf: Shelf) -> None:
    (row_id,) = add_by_former_rules(shelf, ["एक दिन"])
    with shelf.database.transaction() as cursor:
        cursor.execute(
            "WITH gone AS (DELETE FROM row_terms WHERE row_id = %s RETURNING *)"
            " INSERT INTO parked_terms (domain, row_id, terms, counts, length, rules, content_hash)"
            " SELECT domain, row_id, terms, counts, length, rules, '' FROM gone",
            (str(row_id),),
        )

    assert reindex_terms(shelf.database) == {shelf.domain: 1}

    expected = row_terms("document", "एक दिन", {"text": "एक दिन", "n": 0}).ids
    assert stored_terms(shelf.database, row_id, "parked_terms") == (expected, RULES)


def test_index_status_and_doctor_report_older_rules(shelf: Shelf, database_url: str) -> None:
    add_by_former_rules(shelf, TEXTS)
    (state,) = index_status(shelf.database, shelf.domain)
    (before,) = [finding for finding in postgres(database_url) if finding.check == "search terms"]

    reindex_terms(shelf.database)
    (after,) = [finding for finding in postgres(database_url) if finding.check == "search terms"]

    assert state.oldest_rules == 1
    assert (before.ok, after.ok) == (False, True)
    assert "document" in before.found
    assert "index build --terms" in before.fix
    assert index_status(shelf.database, shelf.domain)[0].oldest_rules == RULES


@pytest.mark.parametrize(("plain", "accented"), [("cafe", "café"), ("naive", "naïve"), ("strasse", "Straße")])
def test_both_spellings_are_found_and_the_exact_one_is_first(shelf: Shelf, plain: str, accented: str) -> None:
    texts = [f"{word} {uuid4().hex}" for word in (plain, accented) * 5]
    shelf.add_all(texts)
    refresh_statistics(shelf.database, shelf.domain)

    for query in (plain, accented):
        hits = found(shelf, query)
        assert sorted(hits) == sorted(texts)
        assert {hit.split()[0] for hit in hits[:5]} == {query}


def test_rows_in_other_languages_are_found_by_the_stems_of_their_language(shelf: Shelf) -> None:
    turkish = "Bu kitabın kapağı çok güzel ve daha önce hiç görmediğim kadar eski bir resim gibi"
    shelf.add_all([turkish, "the book and its cover that came with this picture", "e-mail for kitaplık"])
    before = found(shelf, "kitaplar")
    refresh_statistics(shelf.database, shelf.domain)

    with shelf.database.transaction() as cursor:
        profile = begin_search(cursor, shelf.domain)

    assert profile is not None
    assert profile.languages == ("tr",)
    assert (before, found(shelf, "kitaplar")) == ([], [turkish])
    assert found(shelf, "email") == ["e-mail for kitaplık"]


def test_any_table_and_declared_rows_have_the_same_terms_as_at_their_first_write() -> None:
    from pc_worker.domains import get_domain, search_text

    payload = json.loads('{"title": "Regen", "text": "Es regnet.", "tags": ["nass", "kalt"], "n": 3}')
    document = search_text(get_domain("document"), payload=payload, text="Es regnet.")
    assert document.split("\n") == ["Es regnet.", "Regen", "nass", "kalt"]
    skills = search_text(get_domain("recruit"), payload={"other": "x", "skills": ["a", "b"]}, text=None)
    assert skills == "a b"
