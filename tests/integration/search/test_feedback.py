"""Feedback: the best rows of a query extend it, on a real server."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import psycopg2.extensions
import pytest

from pc_worker.domains import get_domain
from pc_worker.services.search import search as service
from pc_worker.services.search.reply import SearchHit
from pc_worker.services.search.request import SearchRequest
from pc_worker.store.db.connection import Database
from pc_worker.store.search.statistics import refresh_statistics
from tests.integration.search.shelf import Shelf, WordEncoder, open_shelf

#: Rows about espresso share a word that the query does not have; one of them has no word of the query at all.
ABOUT = [
    "espresso machine crema pressure pump",
    "espresso crema grinder pressure",
    "espresso shot crema pressure basket",
    "crema pressure portafilter group",
]
OTHERS = [f"note{n} word{n % 7} item{n % 11} thing{n % 13}" for n in range(60)]


@pytest.fixture(scope="module")
def shelf(database: Database) -> Shelf:
    shelf = open_shelf(database, "document")
    shelf.add_all([*ABOUT, *OTHERS])
    refresh_statistics(database, "document")
    return shelf


def ask(shelf: Shelf, query: str, **options: object) -> list[SearchHit]:
    request = SearchRequest(query=query, domain="document", **options)  # type: ignore[arg-type] # the test's own
    return list(service.search(shelf.database, request, encoder=WordEncoder).hits)


def place(shelf: Shelf, hits: list[SearchHit], text: str) -> int:
    texts = {str(row_id): text for row_id, text in shelf.texts.items()}
    return [texts[hit.id] for hit in hits].index(text)


def test_a_row_with_the_words_of_the_best_rows_rises(shelf: Shelf) -> None:
    plain, extended = (ask(shelf, "espresso", feedback=on, k=64) for on in (False, True))

    assert place(shelf, extended, ABOUT[3]) < place(shelf, plain, ABOUT[3])


@pytest.mark.parametrize("mode", ["hybrid", "vector", "text"])
def test_scores_of_the_lists_stay_those_of_the_query_itself(shelf: Shelf, mode: str) -> None:
    plain = {hit.id: hit for hit in ask(shelf, "espresso pump", mode=mode, feedback=False, k=64)}

    for hit in ask(shelf, "espresso pump", mode=mode, feedback=True, k=3):
        assert (hit.vector_score, hit.text_score) == (plain[hit.id].vector_score, plain[hit.id].text_score)


@pytest.mark.parametrize("mode", ["hybrid", "vector", "text"])
def test_pages_with_feedback_join_to_one_long_list(shelf: Shelf, mode: str) -> None:
    long = ask(shelf, "espresso word3", mode=mode, feedback=True, k=64)

    pages = [ask(shelf, "espresso word3", mode=mode, feedback=True, k=7, offset=offset) for offset in range(0, 70, 7)]

    assert [hit for page in pages for hit in page] == long


@pytest.mark.parametrize("mode", ["hybrid", "vector", "text"])
def test_no_list_is_read_twice(shelf: Shelf, mode: str) -> None:
    asked: list[str] = []

    class Recording(psycopg2.extensions.cursor):
        def execute(self, query: Any, vars: Any = None) -> None:
            super().execute(query, vars)
            asked.append(str(self.query))

    shelf.database.connection.cursor_factory = Recording
    try:
        ask(shelf, "espresso word3", mode=mode, feedback=True, k=30)
    finally:
        shelf.database.close()

    assert sorted(asked) == sorted(set(asked))
    # One for each range: the extended query scores the rows that the query itself finds, and searches for no others.
    lists = [statement for statement in asked if "ORDER BY similarity DESC, e.row_id" in statement]
    assert len(lists) == (0 if mode == "text" else 2)


def test_feedback_of_no_hits_is_no_hit(shelf: Shelf) -> None:
    assert ask(shelf, "zzqq", mode="text", feedback=True) == []


def test_a_query_of_function_words_alone_is_still_a_query(shelf: Shelf) -> None:
    row_id = str(shelf.add("to be or not to be"))

    assert [hit.id for hit in ask(shelf, "to be or not to be", mode="text")] == [row_id]


def test_a_domain_can_ask_for_feedback(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    asking = replace(get_domain("document"), feedback=True)
    with monkeypatch.context() as patched:
        patched.setattr(service, "get_domain", lambda _: asking)
        as_set = ask(shelf, "espresso", k=64)

    assert as_set == ask(shelf, "espresso", feedback=True, k=64)
    assert as_set != ask(shelf, "espresso", k=64)
