"""Reranked searches: the order, the scores, the pages, and what happens when the reranker does not work."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from pc_worker.encoding.rerank import Reranker, load_reranker
from pc_worker.errors import InvalidRequest
from pc_worker.services.search.reply import SearchResult
from pc_worker.services.search.request import SearchRequest
from pc_worker.services.search.search import search
from pc_worker.store.db.connection import Database
from tests.integration.search.shelf import Shelf, WordEncoder, open_shelf
from tests.support.reranker import RerankServerStub, rerank_server

QUERY = "coffee"
COUNT = 40


class ByNumber:
    """Ranks texts by the number at their end, the largest first."""

    name = "by-number"
    depth = 20

    def __init__(self) -> None:
        self.asked: list[Sequence[str]] = []

    def scores(self, _query: str, texts: Sequence[str]) -> list[float]:
        self.asked.append(texts)
        return [float(text.split()[-1]) / COUNT - 0.5 for text in texts]


@pytest.fixture(scope="module")
def shelf(database: Database) -> Shelf:
    shelf = open_shelf(database, "document")
    texts = [f"coffee {'word ' * n}{n}" for n in range(COUNT)]
    shelf.add_all(texts, payloads=[{"n": n} for n in range(COUNT)])
    return shelf


def ask(shelf: Shelf, reranker: Reranker | None, **options: Any) -> SearchResult:
    request = SearchRequest.model_validate({"query": QUERY, "domain": "document", "rerank": True} | options)
    return search(shelf.database, request, encoder=WordEncoder, reranker=reranker)


def numbers(result: SearchResult) -> list[int]:
    return [hit.payload["n"] for hit in result.hits]


@pytest.mark.parametrize("mode", ["text", "vector", "hybrid"])
def test_the_best_hits_are_ordered_again_and_the_others_follow(shelf: Shelf, mode: str) -> None:
    fused = numbers(ask(shelf, ByNumber(), mode=mode, k=COUNT, rerank=False))

    result = ask(shelf, ByNumber(), mode=mode, k=COUNT, explain=True)

    assert numbers(result) == sorted(fused[:20], reverse=True) + fused[20:]
    scores = [hit.score for hit in result.hits]
    assert scores == sorted(scores, reverse=True)
    assert [hit.score for hit in result.hits[:20]] == [hit.payload["n"] / COUNT - 0.5 for hit in result.hits[:20]]
    assert [hit.explain.rerank for hit in result.hits if hit.explain] == [*scores[:20], *[None] * (COUNT - 20)]
    assert result.to_dict()["rerank"] == {"applied": True, "model": "by-number", "reason": None}


def test_pages_joined_are_one_long_list_and_ask_for_the_same_texts(shelf: Shelf) -> None:
    reranker = ByNumber()
    whole = [(hit.id, hit.score) for hit in ask(shelf, reranker, k=COUNT).hits]

    for k, offsets in ((7, range(0, COUNT, 7)), (3, (0, 18, 19, 20, 21, 38)), (100, (0, 5))):
        for offset in offsets:
            page = [(hit.id, hit.score) for hit in ask(shelf, reranker, k=k, offset=offset).hits]
            assert page == whole[offset : offset + k]

    assert all(texts == reranker.asked[0] for texts in reranker.asked)


def test_the_least_score_is_of_the_final_score(shelf: Shelf) -> None:
    result = ask(shelf, ByNumber(), k=COUNT, min_score=-0.2)

    assert result.hits
    assert all(hit.score >= -0.2 and hit.payload["n"] / COUNT - 0.5 >= -0.2 for hit in result.hits)


@pytest.fixture
def server() -> Iterator[RerankServerStub]:
    with rerank_server() as server:
        yield server


def test_a_server_reranks_passages(shelf: Shelf, server: RerankServerStub) -> None:
    reranker = load_reranker(server.written(), key=None, timeout_s=10.0, depth=30)

    result = ask(shelf, reranker, query="coffee 17", mode="text")

    assert numbers(result)[0] == 17
    assert result.hits[0].score == 1.0
    assert len(server.requests[0]["documents"]) == 30
    assert all(document.startswith("coffee") for document in server.requests[0]["documents"])


@pytest.mark.parametrize("fault", [{"wrong": "fewer"}, {"status": 429}, {"slow_s": 60.0}, {"wrong": "NaN"}])
def test_without_the_reranker_hits_keep_their_order_and_the_reply_says_why(
    shelf: Shelf, server: RerankServerStub, fault: dict[str, Any]
) -> None:
    for name, value in fault.items():
        setattr(server, name, value)
    reranker = load_reranker(server.written(), key=None, timeout_s=0.5, depth=30)
    plain = ask(shelf, None, rerank=False, k=12, offset=25)

    result = ask(shelf, reranker, k=12, offset=25)

    assert [(hit.id, hit.score) for hit in result.hits] == [(hit.id, hit.score) for hit in plain.hits]
    assert result.rerank is not None
    assert (result.rerank.applied, result.rerank.model) == (False, "rank-1")
    assert result.rerank.reason


def test_without_a_setting_the_reply_says_so(shelf: Shelf) -> None:
    result = ask(shelf, None)

    assert len(result.hits) == 10
    assert result.to_dict()["rerank"]["reason"] == "no reranker is configured: set PC_WORKER_RERANKER"
    assert "rerank" not in ask(shelf, None, rerank=False).to_dict()


def test_no_hit_needs_no_reranker(shelf: Shelf) -> None:
    reranker = ByNumber()

    result = ask(shelf, reranker, query="zzzz", mode="text")

    assert (result.hits, reranker.asked) == ((), [])


def test_neighbours_of_a_row_are_not_reranked(shelf: Shelf) -> None:
    with pytest.raises(InvalidRequest, match="rerank need a query"):
        ask(shelf, ByNumber(), query="", like=str(next(iter(shelf.texts))))
