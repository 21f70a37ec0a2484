"""The dependencies that all calls of a gateway share."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from pc_worker.errors import InvalidRequest, NotFound
from pc_worker.gateway.checks import checked_row_id
from pc_worker.gateway.config import GatewayConfig
from pc_worker.gateway.limits.quota import Quota
from pc_worker.gateway.log.notify import DatabaseWatch
from pc_worker.hot_buffer import AsyncHotBuffer
from pc_worker.store.db.connection import is_storable
from pc_worker.store.log.read import Delivery, LogHead
from pc_worker.store.log.subscription_leases import Subscriptions


class Shutdown:
    """The state of the gateway's shutdown."""

    def __init__(self) -> None:
        #: Streams must stop after the present frame.
        self.stopping = False
        #: Set when the shutdown begins: for streams that never end by themselves.
        self.requested = asyncio.Event()

    async def drain(self, streams: Quota, *, timeout_s: float) -> None:
        """Wait ``timeout_s`` seconds until all streams have ended, then make them stop after the present frame."""
        self.requested.set()
        try:
            await asyncio.wait_for(streams.emptied(), timeout_s)
        except TimeoutError:
            self.stopping = True


@dataclass(frozen=True, slots=True)
class GatewayContext:
    """Configuration, database, hot buffer and shutdown state: what every call works with."""

    config: GatewayConfig
    delivery: Delivery
    subscriptions: Subscriptions
    watch: DatabaseWatch
    queue: AsyncHotBuffer | None
    shutdown: Shutdown

    async def head(self, domain: str) -> LogHead | None:
        """Return the head of the domain's log; None if the domain has no row yet.

        Raises:
            InvalidRequest: If there is no such domain.
            Unavailable: If the database is unavailable.
        """
        head = await self.delivery.head(domain) if is_storable(domain) else None
        if head is None and domain not in self.config.domains:
            raise InvalidRequest(f"there is no domain {domain[:80]!r}")
        return head

    async def resolve(self, domain: str, given: str) -> int:
        """Return the position of a checkpoint that is the UUID of a row.

        Raises:
            InvalidRequest: If it is not a UUID in canonical form.
            NotFound: If that row is not in the log.
            Unavailable: If the database is unavailable.
        """
        position = await self.delivery.first_position(domain, checked_row_id(given))
        if position is None:
            raise NotFound(f"row {given} is not in the log of {domain}: start without a checkpoint, or use a position")
        return position
