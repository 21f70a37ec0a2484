"""A LISTEN connection for log notifications; also the liveness check of the database."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from pc_worker.errors import NotServable, ReadOnlyServer, Unavailable
from pc_worker.store.db.async_connect import AsyncConnector, check_not_cancelled
from pc_worker.store.db.driver_errors import translated
from pc_worker.store.db.session import CANNOT_BE_WRITTEN
from pc_worker.store.log.read import set_up_session
from pc_worker.urls import read_database_url

#: Channel of committed chunks, payload: domain; channel of subscriptions with a new holder, payload: domain/name.
GROWTH, FENCE = "pcw_log", "pcw_fence"
#: Fails until the migrations have run, and when the server does not respond.
PROBE = f"SELECT {CANNOT_BE_WRITTEN}, (SELECT head FROM domains LIMIT 1)"
PROBE_S = 5.0


async def listen(
    database_url: str, *, ready: Callable[[], None], heard: Callable[[str, str], None], probe_every_s: float
) -> None:
    """Call ``ready`` once the database serves, then ``heard`` with channel and payload of each notification.

    Runs until the connection fails, so it always ends with an error.

    Raises:
        Unavailable: If the database cannot be reached, closes the connection, does not answer in time or is unsuitable.
        DatabaseFailed: If it answers with any other error.
    """
    server = read_database_url(database_url)
    try:
        connection = await AsyncConnector(server, application="pcw_gateway_notice")()
        try:
            await set_up_session(connection, server, {})
            await _wait_until_closed(connection, ready, heard, probe_every_s)
        finally:
            with suppress(Exception):  # closing may fail in any way; the first error is raised
                await connection.close(timeout=1)
    except NotServable as exc:  # another server has replaced the one that was checked at the start
        raise Unavailable(str(exc)) from exc
    except Exception as exc:
        check_not_cancelled(exc)
        raise translated(exc) from exc


async def _wait_until_closed(
    connection: Any, ready: Callable[[], None], heard: Callable[[str, str], None], probe_every_s: float
) -> None:
    def on_notify(*message: Any) -> None:
        heard(*message[-2:])

    ended = asyncio.Event()
    connection.add_termination_listener(lambda _: ended.set())
    for channel in (GROWTH, FENCE):
        await connection.add_listener(channel, on_notify)
    await _probe(connection)
    ready()
    while not ended.is_set():
        with suppress(TimeoutError):
            await asyncio.wait_for(ended.wait(), probe_every_s)
            break
        await _probe(connection)
    raise ConnectionError("it closed the connection")


async def _probe(connection: Any) -> None:
    if (await connection.fetchrow(PROBE, timeout=PROBE_S))[0]:
        raise ReadOnlyServer("PostgreSQL takes no writes now")
