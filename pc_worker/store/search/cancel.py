"""Stop a search from another thread: its statement is cancelled in PostgreSQL, and no further one is started."""

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
    """Stops one search: when ``ask`` is called, or after its time limit.

    Args:
        within_s: Time limit of the search from now on, in seconds.
    """

    def __init__(self, *, within_s: float) -> None:
        self._ends_at = time.monotonic() + within_s
        self._lock = threading.Lock()
        self._connection: psycopg2.extensions.connection | None = None
        self._asked = False

    def ask(self) -> None:
        """Stop the search, from another thread; block until the server has received the request.

        A statement that starts at the same time may not be cancelled: ask again while the search runs.
        """
        with self._lock:
            self._asked = True
            if self._connection is not None:
                with suppress(psycopg2.Error):  # without a connection the search ends by itself
                    self._connection.cancel()

    def left_s(self) -> float:
        """Return the remaining time of the search, in seconds.

        Raises:
            SearchCancelled: If no time remains, or the search was stopped.
        """
        left_s = self._ends_at - time.monotonic()
        if self._asked or left_s <= 0:
            raise SearchCancelled("the search was ended: its time is over, or its caller has gone")
        return left_s

    @contextmanager
    def watching(self, database: Database) -> Iterator[None]:
        """Make the block's statements on ``database`` cancellable, and translate the driver's errors.

        Raises:
            SearchCancelled: If the search was stopped.
            Unavailable: If the database does not answer, or is unsuitable.
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
            with self._lock:  # from here on another search uses the connection
                self._connection = None
