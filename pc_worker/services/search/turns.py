"""Turns: how many searches of a process work at once, in the order in which they began.

Processors that are shared by many searches lengthen each of them by the same factor, so the longest ones become very
long. With turns a search waits for those before it, and is then nearly as fast as alone: the mean is the same, the
longest times are shorter.
"""

from __future__ import annotations

import functools
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from heapq import heappop, heappush
from itertools import count

from pc_worker.store.db.connection import Database

#: Seconds until a search that still works no longer counts: slow ones share the processors with all others. Most take
#: 0.02 s in their turn, the longest of a hundred 0.05 s; next to many other processes, most take longer than this.
LONGEST_S = 0.06


class Turns:
    """Lets ``most`` searches work at once; the others wait in the order in which they began.

    Args:
        most: How many.
        longest_s: Seconds after which a search goes on without its turn, and the next one begins.
    """

    def __init__(self, most: int, *, longest_s: float = LONGEST_S) -> None:
        self._most, self._longest_s = most, longest_s
        self._lock = threading.Lock()
        self._numbers = count()
        self._ends: dict[int, float] = {}
        self._waiting: list[tuple[int, threading.Lock]] = []

    @property
    def waiting(self) -> int:
        """How many searches wait for their turn."""
        with self._lock:
            return len(self._waiting)

    @contextmanager
    def turn(self) -> Iterator[SearchTurn]:
        """Wait for a turn and hold it in the block."""
        turn = SearchTurn(self, next(self._numbers))
        self.begin(turn.number)
        try:
            yield turn
        finally:
            self.end(turn.number)

    def begin(self, number: int) -> None:
        """Wait until search ``number`` may work: before those with greater numbers."""
        started = threading.Lock()
        started.acquire()
        with self._lock:
            heappush(self._waiting, (number, started))
            self._start_next()
        while not started.acquire(timeout=self._longest_s):
            with self._lock:
                self._start_next()

    def end(self, number: int) -> None:
        """Let the next search begin."""
        with self._lock:
            self._ends.pop(number, None)
            self._start_next()

    def _start_next(self) -> None:
        now = time.monotonic()
        if self._waiting and len(self._ends) == self._most:
            self._ends = {number: ends for number, ends in self._ends.items() if ends > now}
        while self._waiting and len(self._ends) < self._most:
            number, started = heappop(self._waiting)
            self._ends[number] = now + self._longest_s
            started.release()


class SearchTurn:
    """The turn of one search."""

    def __init__(self, turns: Turns, number: int) -> None:
        self._turns, self.number = turns, number

    @contextmanager
    def left(self) -> Iterator[None]:
        """Let others work while the block waits for something else; then wait for a turn, before all later searches."""
        self._turns.end(self.number)
        try:
            yield
        finally:
            self._turns.begin(self.number)


@functools.cache
def turns_here() -> Turns:
    """Return the turns of this process on the processors of this machine: one and a half searches for each.

    The others work while a search is between two statements.
    """
    processors = os.cpu_count() or 1
    return Turns(processors + (processors + 1) // 2)


#: For a server on another machine, whose processors are not known.
ANY_NUMBER = Turns(sys.maxsize)


def turns_of(database: Database) -> Turns:
    """Return the turns of searches of a database."""
    return turns_here() if database.is_on_this_machine else ANY_NUMBER
