"""Ending a search from another thread: its statement is cancelled in PostgreSQL, and no further one is begun."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg2
import psycopg2.extensions

from pc_worker.errors import SearchCancelled, Unavailable
from pc_worker.store.db.connection import Database
from pc_worker.store.db.driver_errors import translated


class Stop:
    """One search's end: by ``ask``, or by its time.

    Args:
        within_s: How long the search may take from now on.
    """

    def __init__(self, *, within_s: float) -> None:
        self._ends_at = time.monotonic() + within_s
        self._lock = threading.Lock()
        self._connection: psycopg2.extensions.connection | None = None
        self._asked = False

    def ask(self) -> None:
        """End the search, from another thread; blocks for as long as the server takes to hear of it.

        A statement that begins just now may miss it: ask again while the search goes on.
        """
        with self._lock:
            self._asked = True
            if self._connection is not None:
                with suppress(psycopg2.Error):  # a broken connection's search ends by itself
                    self._connection.cancel()

    def left_s(self) -> float:
        """Give how much of its time the search has left.

        Raises:
            SearchCancelled: If it has none, or was asked to end.
        """
        left_s = self._ends_at - time.monotonic()
        if self._asked or left_s <= 0:
            raise SearchCancelled("the search was ended: its time is over, or its caller has gone")
        return left_s

    @contextmanager
    def watching(self, database: Database) -> Iterator[None]:
        """Let what the block does with ``database`` be ended; the drivers' errors end here.

        Raises:
            SearchCancelled: If it was ended.
            Unavailable: If the database is away, or not as it must be.
        """
        self.left_s()
        try:
            connection = database.connection
            with self._lock:
                self._connection = connection
            yield
        except (psycopg2.Error, Unavailable) as exc:
            self.left_s()
            raise translated(exc) from exc
        finally:
            with self._lock:  # from here on another search has the connection
                self._connection = None
