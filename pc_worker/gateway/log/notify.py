"""Watching the database: is it there, and is there news."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import structlog

from pc_worker.errors import Unavailable
from pc_worker.gateway.supervision import supervised
from pc_worker.store.log.notifications import FENCE, GROWTH, listen

log = structlog.get_logger()

#: How soon a database that does not answer is noticed when its connection does not break.
PROBE_EVERY_S = 5.0
RETRY_S = (0.1, 0.2, 0.5, 1.0, 2.0)


class DatabaseWatch:
    """Tells whether the database serves, and wakes whoever waits for news."""

    def __init__(self, database_url: str, on_change: Callable[[bool], None]) -> None:
        self._database_url, self._on_change = database_url, on_change
        self._waiting: dict[tuple[str, str], set[asyncio.Event]] = {}
        self._served = False

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
        """Give an event that is set whenever ``domain`` may have grown; its user clears it."""
        with self._news(GROWTH, domain) as event:
            yield event

    @contextmanager
    def fence(self, domain: str, name: str) -> Iterator[asyncio.Event]:
        """Give an event that is set whenever the subscription may have been taken over; its user clears it."""
        with self._news(FENCE, f"{domain}/{name}") as event:
            yield event

    @contextmanager
    def _news(self, channel: str, payload: str) -> Iterator[asyncio.Event]:
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
        failures = 0
        while True:
            try:
                await self._attend()
            except Unavailable as exc:
                failures = 0 if self._served else failures + 1
                log.warning("database_away", error=str(exc))
                await asyncio.sleep(RETRY_S[min(failures, len(RETRY_S) - 1)])

    async def _attend(self) -> None:
        self._served = False
        try:
            await listen(self._database_url, ready=self._ready, heard=self._heard, probe_every_s=PROBE_EVERY_S)
        finally:
            self._on_change(False)

    def _ready(self) -> None:
        self._served = True
        self._on_change(True)
        # Whatever was committed while nobody listened was not heard.
        for channel, payload in list(self._waiting):
            self._heard(channel, payload)

    def _heard(self, channel: str, payload: str) -> None:
        for event in self._waiting.get((channel, payload), ()):
            event.set()
