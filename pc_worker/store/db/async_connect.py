"""Connect with asyncpg to one of several hosts: each has its own timeout, as with libpq.

asyncpg has one timeout for all hosts of a URL, and a first host that does not answer would use it up on each attempt.
"""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg

from pc_worker.urls import DatabaseServer

#: The host does not answer, is starting or stopping, or is not the kind of server that the URL asks for.
NEXT_HOST = (OSError, asyncpg.CannotConnectNowError, asyncpg.TargetServerAttributeNotMatched)


class AsyncConnector:
    """Open connections to the first host that serves, beginning with the one that served last.

    Args:
        server: Where to connect.
        application: Name in ``pg_stat_activity``.
    """

    def __init__(self, server: DatabaseServer, *, application: str) -> None:
        self._hosts = list(server.hosts)
        self._arguments = server.for_asyncpg() | {"server_settings": {"application_name": application}}

    async def __call__(self, *_: object, **options: Any) -> Any:
        """Return a connection; called by the pool, too, with its own options.

        Raises:
            OSError: If no host serves; or the last host's error of another kind.
        """
        failed: Exception = ConnectionError("the URL names no host")
        for host, port in tuple(self._hosts):
            try:
                connection = await asyncpg.connect(**self._arguments | options | {"host": host, "port": port})
            except NEXT_HOST as exc:
                failed = exc
            else:
                self._hosts.sort(key=lambda known: known != (host, port))
                return connection
        raise failed


def check_not_cancelled(error: Exception) -> None:
    """Raise CancelledError if this task is being cancelled: ``error`` comes from ending its statement.

    Otherwise the task would take it for an error of the database, try again, and never end.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError from error
