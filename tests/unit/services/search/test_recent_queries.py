"""The memory of recent queries."""

from __future__ import annotations

from pc_worker.model import Model
from pc_worker.services.search.query_vectors import RecentQueries
from tests.integration.search.shelf import WordEncoder


def encoder(name: str = "a") -> WordEncoder:
    model = Model(model_id=1, name=name, revision="1", dimension=8, normalised=True, encodable=True)
    return WordEncoder(model)


def test_the_queries_asked_last_are_kept() -> None:
    recent, words = RecentQueries(2), encoder()

    for query in ("one", "two", "one", "three", "one", "two"):
        recent.vector(words, query)

    assert words.queries == ["one", "two", "three", "two"]


def test_models_do_not_share_vectors() -> None:
    recent, first, second = RecentQueries(10), encoder("a"), encoder("b")

    recent.vector(first, "one")
    recent.vector(second, "one")

    assert (first.queries, second.queries) == (["one"], ["one"])
