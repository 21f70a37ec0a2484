"""A few searches work at once, in the order in which they began; none waits long for slow ones."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

import pytest

from pc_worker.services.search.turns import ANY_NUMBER, Turns, turns_here, turns_of
from pc_worker.store.db.connection import Database
from tests.support.waiting import eventually

#: Longer than any test.
NEVER_S = 600.0


class Search:
    """Works in its turn until it is to end; with ``pauses`` it lets others work before, until it ``resumes``."""

    def __init__(self, turns: Turns, pool: ThreadPoolExecutor, order: list[Search], *, pauses: bool = False) -> None:
        self._turns, self._order, self._pauses = turns, order, pauses
        self.works, self.resumes, self.ends = (threading.Event() for _ in range(3))
        self.future: Future[None] = pool.submit(self._run)

    def _run(self) -> None:
        with self._turns.turn() as turn:
            self._order.append(self)
            self.works.set()
            if self._pauses:
                with turn.left():
                    assert self.resumes.wait(60)
                self._order.append(self)
            assert self.ends.wait(60)

    def end(self) -> None:
        self.ends.set()
        self.future.result(60)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as threads:
        yield threads


def _works_or_waits(search: Search, turns: Turns, waiting: int) -> bool:
    return search.works.is_set() or turns.waiting > waiting


def _begin(turns: Turns, pool: ThreadPoolExecutor, order: list[Search], count: int) -> list[Search]:
    """Begin searches one after the other; return them when each works or waits."""
    begun = []
    for _ in range(count):
        waiting = turns.waiting
        search = Search(turns, pool, order)
        eventually(partial(_works_or_waits, search, turns, waiting), brief=True)
        begun.append(search)
    return begun


def test_others_wait_and_begin_in_their_order(pool: ThreadPoolExecutor) -> None:
    turns, order = Turns(2, longest_s=NEVER_S), list[Search]()

    searches = _begin(turns, pool, order, 5)
    assert order == searches[:2]
    assert turns.waiting == 3
    for done, following in ((1, 2), (0, 3), (3, 4)):
        searches[done].end()
        assert searches[following].works.wait(60)

    assert order == searches
    for search in searches:
        search.end()


def test_a_slow_search_goes_on_without_its_turn(pool: ThreadPoolExecutor) -> None:
    turns, order = Turns(1, longest_s=0.01), list[Search]()

    slow, other = (Search(turns, pool, order) for _ in range(2))

    assert slow.works.wait(60)
    assert other.works.wait(60)
    assert not slow.future.done()
    for search in order:
        search.end()
    assert turns.waiting == 0


def test_a_search_that_waits_for_something_else_lets_others_work_and_returns_before_later_ones(
    pool: ThreadPoolExecutor,
) -> None:
    turns, order = Turns(1, longest_s=NEVER_S), list[Search]()
    paused = Search(turns, pool, order, pauses=True)
    assert paused.works.wait(60)

    second, third = _begin(turns, pool, order, 2)
    assert second.works.wait(60)
    paused.resumes.set()
    eventually(lambda: turns.waiting == 2, brief=True)
    second.end()
    paused.end()
    assert third.works.wait(60)

    assert order == [paused, second, paused, third]
    third.end()


def test_an_error_ends_the_turn() -> None:
    turns = Turns(1, longest_s=NEVER_S)

    with pytest.raises(ValueError, match="wrong"), turns.turn() as turn, turn.left():
        raise ValueError("wrong")

    with turns.turn():
        assert turns.waiting == 0


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("postgresql://u@127.0.0.1:5432/d", True),
        ("postgresql://u@localhost/d", True),
        ("postgresql://u@/d?host=/run/postgresql", True),
        ("postgresql://u@db.example:5432/d", False),
        ("postgresql://u@localhost,db.example/d", False),
    ],
)
def test_only_the_processors_of_this_machine_are_shared_in_turns(url: str, here: bool) -> None:
    assert turns_of(Database(url)) is (turns_here() if here else ANY_NUMBER)
