"""Connect with asyncpg to one of several hosts: each has its own timeout, as with libpq.

asyncpg has one timeout for all hosts of a URL, and a first host that does not answer would use it up on each attempt.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from typing import Any

import asyncpg

from pc_worker.urls import DatabaseServer

#: The host does not answer, is starting or stopping, or is not the kind of server that the URL asks for.
NEXT_HOST = (OSError, asyncpg.CannotConnectNowError, asyncpg.TargetServerAttributeNotMatched)

#: Options of TCP that asyncpg leaves as they are, with which a host that vanishes silently holds a statement for
#: many minutes: probes of an idle connection, and the milliseconds until data without an acknowledgement end it. A
#: reader's statements are simply repeated, so this is shorter than a writer's `KEEPALIVE`. Other systems lack some.
TCP_OPTIONS = {"TCP_KEEPIDLE": 5, "TCP_KEEPINTVL": 3, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 12_000}


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
                _detect_silence(connection)
                self._hosts.sort(key=lambda known: known != (host, port))
                return connection
        raise failed


def _detect_silence(connection: Any) -> None:
    """Set `TCP_OPTIONS` on the connection's socket: asyncpg has no parameters for them."""
    opened = connection._transport.get_extra_info("socket")
    if opened is None or opened.family not in (socket.AF_INET, socket.AF_INET6):
        return
    with suppress(OSError):  # it is closed already
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in TCP_OPTIONS.items():
            if hasattr(socket, name):
                opened.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def check_not_cancelled(error: Exception) -> None:
    """Raise CancelledError if this task is being cancelled: ``error`` comes from ending its statement.

    Otherwise the task would take it for an error of the database, try again, and never end.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError from error
