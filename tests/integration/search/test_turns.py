"""Searches of one process wait for their turn, and let others work while an engine encodes their query."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import pytest
from numpy.typing import NDArray

from pc_worker.model import Model
from pc_worker.services.search import turns as module
from pc_worker.services.search.reply import SearchResult
from pc_worker.services.search.request import Mode, SearchRequest
from pc_worker.services.search.search import search
from pc_worker.services.search.turns import Turns
from pc_worker.store.db.connection import Database
from tests.integration.search.shelf import WordEncoder, open_shelf, own_encoder
from tests.support.waiting import eventually

Ask = Callable[..., "Future[SearchResult]"]


class Engine(WordEncoder):
    """Answers when the test says so."""

    def __init__(self, model: Model, asked: threading.Event, answers: threading.Event) -> None:
        super().__init__(model)
        self._asked, self._answers = asked, answers

    def encode_query(self, text: str) -> NDArray[np.float32]:
        self._asked.set()
        assert self._answers.wait(60)
        return super().encode_query(text)


@pytest.fixture
def turns(monkeypatch: pytest.MonkeyPatch) -> Turns:
    turns = Turns(1, longest_s=600)
    monkeypatch.setattr(module, "turns_here", lambda: turns)
    return turns


@pytest.fixture
def ask(database: Database, database_url: str) -> Iterator[Ask]:
    open_shelf(database, "document").add_all(["strong coffee", "green tea"])
    local, opened = threading.local(), list[Database]()

    def connect() -> None:
        local.database = Database(database_url, read_only=True)
        opened.append(local.database)

    with ThreadPoolExecutor(4, initializer=connect) as pool:

        def run(query: str, mode: Mode, encoder: Callable[[Model], WordEncoder]) -> SearchResult:
            return search(local.database, SearchRequest(query=query, domain="document", mode=mode), encoder=encoder)

        yield lambda query, mode="text", encoder=own_encoder: pool.submit(run, query, mode, encoder)
    for database in opened:
        database.close()


def test_a_search_waits_for_its_turn(turns: Turns, ask: Ask) -> None:
    with turns.turn():
        found = ask("coffee")
        eventually(lambda: turns.waiting == 1, brief=True)
        assert not found.done()

    assert found.result(60).hits


@pytest.mark.parametrize("mode", ["hybrid", "vector"])
def test_others_search_while_an_engine_encodes_the_query_of_one(turns: Turns, ask: Ask, mode: Mode) -> None:
    asked, answers = threading.Event(), threading.Event()

    slow = ask(f"tea of {mode}", mode, lambda model: Engine(model, asked, answers))
    assert asked.wait(60)
    others = [ask("coffee") for _ in range(2)]

    assert all(other.result(60).hits for other in others)
    assert not slow.done()
    answers.set()
    assert slow.result(60).hits
    assert turns.waiting == 0
