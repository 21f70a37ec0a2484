"""Watches the database: whether it answers, and its notifications."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import structlog

from pc_worker.errors import Unavailable
from pc_worker.gateway.backoff import RetryPauses
from pc_worker.gateway.supervision import supervised
from pc_worker.store.log.notifications import FENCE, GROWTH, listen

log = structlog.get_logger()

#: Seconds until a database that does not answer is detected although its connection stays open.
PROBE_EVERY_S = 5.0
RETRY_S = (0.1, 0.2, 0.5, 1.0, 2.0)


class DatabaseWatch:
    """A connection that listens for notifications and thereby shows whether the database answers.

    Args:
        database_url: ``postgresql://…``.
        on_change: Called with whether the database answers.
        on_loss: Awaited when it does not answer any more: connections that are open may lead to a host that vanished.
    """

    def __init__(
        self, database_url: str, on_change: Callable[[bool], None], *, on_loss: Callable[[], Awaitable[None]]
    ) -> None:
        self._database_url, self._on_change, self._on_loss = database_url, on_change, on_loss
        self._waiting: dict[tuple[str, str], set[asyncio.Event]] = {}
        self._pauses = RetryPauses(RETRY_S)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Watch until the block ends."""
        task = asyncio.create_task(supervised("watch", self._listen))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    @contextmanager
    def growth(self, domain: str) -> Iterator[asyncio.Event]:
        """Yield an event that is set when the log of ``domain`` may have grown; the caller clears it."""
        with self._notification(GROWTH, domain) as event:
            yield event

    @contextmanager
    def fence(self, domain: str, name: str) -> Iterator[asyncio.Event]:
        """Yield an event that is set when another consumer may hold the subscription's lease; the caller clears it."""
        with self._notification(FENCE, f"{domain}/{name}") as event:
            yield event

    @contextmanager
    def _notification(self, channel: str, payload: str) -> Iterator[asyncio.Event]:
        event = asyncio.Event()
        waiting = self._waiting.setdefault((channel, payload), set())
        waiting.add(event)
        try:
            yield event
        finally:
            waiting.discard(event)
            if not waiting:
                self._waiting.pop((channel, payload), None)

    async def _listen(self) -> None:
        # Not `supervised` alone: an unavailable database is expected, and no error of this task.
        while True:
            try:
                await self._listen_once()
            except Unavailable as exc:
                log.warning("database_away", error=str(exc))
                await self._on_loss()
                await asyncio.sleep(self._pauses.next_s())

    async def _listen_once(self) -> None:
        try:
            await listen(self._database_url, ready=self._ready, heard=self._notify, probe_every_s=PROBE_EVERY_S)
        finally:
            self._on_change(False)

    def _ready(self) -> None:
        self._pauses.reset()
        self._on_change(True)
        # Notifications that were sent while no connection listened are lost.
        for channel, payload in list(self._waiting):
            self._notify(channel, payload)

    def _notify(self, channel: str, payload: str) -> None:
        for event in self._waiting.get((channel, payload), ()):
            event.set()
