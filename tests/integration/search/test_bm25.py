"""Text scores are the textbook's BM25 with words weighed by recurrence, and the rows found are those it ranks first."""

from __future__ import annotations

from collections import Counter
from math import log, sqrt
from uuid import UUID

import numpy as np
import pytest

from pc_worker.services.search.reply import SearchResult
from pc_worker.services.search.request import SearchRequest
from pc_worker.services.search.search import search
from pc_worker.store.db.connection import Database
from pc_worker.store.search.query.query_words import asked_words
from pc_worker.store.search.scope import begin_search
from pc_worker.store.search.scores import bm25
from pc_worker.store.search.scores.bm25 import weigh
from pc_worker.store.search.statistics import refresh_statistics
from tests.integration.search.shelf import Shelf, WordEncoder, open_shelf

ROWS = 1_500
WORDS = 400
K1, B, K3 = 1.2, 0.75, 0.5


@pytest.fixture(scope="module")
def shelf(database: Database) -> Shelf:
    """Return texts with the word frequencies of a language, and of very uneven length."""
    shelf = open_shelf(database, "document")
    chosen = np.random.default_rng(11)
    weights = 1 / np.arange(1, WORDS + 1)
    weights /= weights.sum()
    texts = [
        " ".join(f"x{n}" for n in chosen.choice(WORDS, size=int(chosen.integers(1, 120)), p=weights))
        for _ in range(ROWS)
    ]
    shelf.add_all(texts)
    refresh_statistics(database, "document")
    return shelf


def textbook(shelf: Shelf, query: str, *, k1: float = K1, b: float = B, counted: bool = True) -> dict[UUID, float]:
    """Return the scores of Robertson and Zaragoza's formula over the plain texts; rows without a match are left out.

    ``counted``: whether statistics were counted, so that words weigh by their recurrence.
    """
    counts = {row_id: Counter(text.split()) for row_id, text in shelf.texts.items()}
    mean = sum(count.total() for count in counts.values()) / len(counts)
    scores: dict[UUID, float] = {}
    for word, times in Counter(query.split()).items():
        holders = [row_id for row_id, count in counts.items() if word in count]
        idf = log(1 + (len(counts) - len(holders) + 0.5) / (len(holders) + 0.5)) * times * (K3 + 1) / (times + K3)
        weight = idf * sqrt(recurrence(list(counts.values()), word)) if counted else idf
        for row_id in holders:
            tf, length = counts[row_id][word], counts[row_id].total()
            part = weight * tf * (k1 + 1) / (tf + k1 * (1 - b + b * length / mean))
            scores[row_id] = scores.get(row_id, 0.0) + part
    return scores


def recurrence(texts: list[Counter[str]], word: str) -> float:
    """Return how often texts with the word have it, compared with all words; as if four more had it as often as these.

    It is stored with two digits after the point.
    """
    mean = sum(map(Counter.total, texts)) / sum(map(len, texts))
    found = [text[word] for text in texts if word in text]
    return round((sum(found) + 4 * mean) / ((len(found) + 4) * mean), 2)


def by_words(shelf: Shelf, query: str, *, k: int = 100) -> SearchResult:
    request = SearchRequest(query=query, domain=shelf.domain, mode="text", k=k)
    return search(shelf.database, request, encoder=WordEncoder)


def scores_of(result: SearchResult) -> dict[UUID, float]:
    return {UUID(hit.id): hit.score for hit in result.hits}


QUERIES = [
    "x0",
    "x399",
    "x0 x1 x2",
    "x7 x80 x300",
    "x0 x3 x390",
    "x1 x2 x3 x4 x5 x6 x7 x8 x9 x10",
    "x200 x200 x200",
    "x9 x80 x9 x300 x80 x9",
]


@pytest.mark.parametrize("query", QUERIES)
def test_scores_equal_the_textbook(shelf: Shelf, query: str) -> None:
    found = scores_of(by_words(shelf, query))

    truth = textbook(shelf, query)
    assert found == pytest.approx({row_id: truth[row_id] for row_id in found}, rel=1e-6)


@pytest.fixture(params=[10, 100, 5_000], ids=lambda rows: f"{rows} rare rows")
def rare_rows(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Return the number of rows of rare words that are examined first: far fewer and more than exist."""
    monkeypatch.setattr(bm25, "RARE_ROWS", request.param)
    return int(request.param)


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("k", [1, 10, 100])
def test_the_best_rows_are_found_however_common_their_words(shelf: Shelf, rare_rows: int, query: str, k: int) -> None:
    found = [hit.score for hit in by_words(shelf, query, k=k).hits]

    assert found == pytest.approx(sorted(textbook(shelf, query).values(), reverse=True)[:k], rel=1e-6)


def set_parameters(database: Database, *, k1: float, b: float) -> None:
    with database.transaction() as cursor:
        cursor.execute("UPDATE search_statistics SET k1 = %s, b = %s WHERE domain = 'document'", (k1, b))
        assert cursor.rowcount == 1


def test_settings_of_a_domain_are_used(shelf: Shelf, database: Database) -> None:
    set_parameters(database, k1=2.0, b=0.3)
    found = scores_of(by_words(shelf, "x5 x50"))
    set_parameters(database, k1=1.2, b=0.75)

    truth = textbook(shelf, "x5 x50", k1=2.0, b=0.3)
    assert found == pytest.approx({row_id: truth[row_id] for row_id in found}, rel=1e-6)


def test_a_refresh_without_changes_does_nothing(shelf: Shelf, database: Database) -> None:
    assert refresh_statistics(database, "document") is False


def test_a_small_change_can_wait(shelf: Shelf, database: Database) -> None:
    shelf.add("x1 brandnew")

    assert refresh_statistics(database, "document", drift=0.1) is False
    assert by_words(shelf, "brandnew").hits[0].score > 0
    assert refresh_statistics(database, "document") is True
    assert scores_of(by_words(shelf, "x3 brandnew")) == pytest.approx(
        dict(sorted(textbook(shelf, "x3 brandnew").items(), key=lambda pair: -pair[1])[:100]), rel=1e-6
    )


def test_of_two_words_as_rare_the_one_that_rows_repeat_weighs_more(database: Database) -> None:
    shelf = open_shelf(database, "candidate")
    shelf.add_all([*["library books library library"] * 3, *["present books in winter"] * 3, *["other books"] * 20])
    refresh_statistics(database, "candidate")
    once = {shelf.add(f"{word} of two words"): word for word in ("library", "present")}
    found = scores_of(by_words(shelf, "present library"))

    by_word = {word: found[row_id] for row_id, word in once.items()}
    assert by_word["library"] > by_word["present"]


def test_pairs_of_characters_weigh_by_rarity_alone(database: Database) -> None:
    shelf = open_shelf(database, "skill_dic")
    shelf.add_all([*["天気 天気 天気"] * 3, *["野球"] * 3, *["others"] * 20])
    refresh_statistics(database, "skill_dic")
    with database.transaction() as cursor:
        profile = begin_search(cursor, "skill_dic")
        assert profile is not None
        terms = weigh(cursor, "skill_dic", asked_words("skill_dic", "天気 野球"), profile.collection).terms

    assert len(terms) == 2
    assert [term.weight for term in terms] == [terms[0].weight] * 2


def test_before_the_first_count_a_small_domain_has_exact_scores(database: Database) -> None:
    shelf = open_shelf(database, "recruit")
    shelf.add_all(["apple pear", "apple apple", "plum", "pear plum plum fig"])

    assert scores_of(by_words(shelf, "apple fig")) == pytest.approx(
        textbook(shelf, "apple fig", counted=False), rel=1e-6
    )


def test_counting_waits_for_no_writer_and_stops_none(shelf: Shelf, database: Database, database_url: str) -> None:
    other = Shelf(Database(database_url), "document", shelf.model)
    with other.database.transaction() as writer:
        writer.execute("SELECT 1 FROM domains WHERE domain = 'document' FOR UPDATE")
        shelf.database.connection.rollback()

        refresh_statistics(database, "document")
    other.database.close()


def test_a_second_counter_does_nothing_while_the_first_counts(
    shelf: Shelf, database: Database, database_url: str
) -> None:
    other = Database(database_url)
    shelf.add("x9 another")
    with other.transaction() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('search statistics:document', 0))")

        assert refresh_statistics(database, "document") is False
    other.close()
    assert refresh_statistics(database, "document") is True


def test_statistics_of_the_version_before_are_counted_again(shelf: Shelf, database: Database) -> None:
    with database.transaction() as cursor:
        cursor.execute("SELECT term, recurrence FROM term_statistics WHERE domain = 'document' ORDER BY term")
        counted = cursor.fetchall()
        cursor.execute("UPDATE term_statistics SET recurrence = 1 WHERE domain = 'document'")
        cursor.execute("UPDATE search_statistics SET recurrence_counted = false WHERE domain = 'document'")

    assert refresh_statistics(database, "document", drift=0.1) is True
    with database.transaction() as cursor:
        cursor.execute("SELECT term, recurrence FROM term_statistics WHERE domain = 'document' ORDER BY term")
        assert cursor.fetchall() == counted
    assert refresh_statistics(database, "document", drift=0.1) is False
