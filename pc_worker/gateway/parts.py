"""What all calls of one gateway share."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pc_worker.errors import InvalidRequest, NotFound
from pc_worker.gateway.access import Access
from pc_worker.gateway.checks import checked_row_id
from pc_worker.gateway.config import GatewayConfig
from pc_worker.gateway.statuses import TooManyStreams
from pc_worker.gateway.watch import Watch
from pc_worker.queue import AsyncQueue
from pc_worker.store.delivery import Delivery, LogHead
from pc_worker.store.delivery_subscriptions import Subscriptions


class Streams:
    """The streams open now: at most so many, and none once the gateway is closing."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._open = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self.closing = False
        #: Set as soon as the gateway is asked to end: for streams that never end by themselves.
        self.ending = asyncio.Event()

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Take one of the places while a stream lasts.

        Raises:
            TooManyStreams: If there are as many as may be.
        """
        if self._open >= self._most:
            raise TooManyStreams(f"{self._open} streams are open, no more are served at once: try again later")
        self._open += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._open -= 1
            if not self._open:
                self._idle.set()

    async def close(self, patience_s: float) -> None:
        """Let streams come to their end for ``patience_s``, then have them stop after their present frame."""
        self.ending.set()
        try:
            await asyncio.wait_for(self._idle.wait(), patience_s)
        except TimeoutError:
            self.closing = True


@dataclass(frozen=True, slots=True)
class Parts:
    """The neighbours and limits that every call works with."""

    config: GatewayConfig
    delivery: Delivery
    subscriptions: Subscriptions
    watch: Watch
    queue: AsyncQueue | None
    access: Access
    streams: Streams

    async def head(self, domain: str) -> LogHead | None:
        """Give where the domain's log ends; None if it has no row yet.

        Raises:
            InvalidRequest: If there is no such domain.
            Unavailable: If the database is away.
        """
        head = await self.delivery.head(domain)
        if head is None and domain not in self.config.domains:
            raise InvalidRequest(f"there is no domain {domain[:80]!r}")
        return head

    async def resolve(self, domain: str, given: str) -> int:
        """Give the position that a checkpoint by uuid stands for.

        Raises:
            InvalidRequest: If it is no UUID in canonical form.
            NotFound: If that row is not in the log.
            Unavailable: If the database is away.
        """
        position = await self.delivery.first_position(domain, checked_row_id(given))
        if position is None:
            raise NotFound(f"row {given} is not in the log of {domain}: start without a checkpoint, or use a position")
        return position
