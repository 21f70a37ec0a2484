"""The per-process objects that services work with, put together by ``wiring``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # only types: a command that asks the ledger loads no reader, no Redis client and no encoder
    from pc_worker.encoding import Encoder, ModelIdentity
    from pc_worker.hot_buffer import HotBuffer
    from pc_worker.model import Model
    from pc_worker.services.sources import Sources
    from pc_worker.store.db.connection import Database


@dataclass(frozen=True, kw_only=True)
class Services:
    """One process's connections and its encoder.

    Attributes:
        database: Its connection to PostgreSQL.
        make_queue: Gives ``queue`` when it is first used.
        make_sources: Gives ``sources`` when they are first used.
        encoder: Gives the loaded encoder of a registered model.
        identify: Tells a model's identity by name or path, for the encoder that is configured; loads no weights.
        default_model: Name or path that seeds the active model of domains embedded here.
        lease_s: Seconds a chunk's lease lasts.
        chunks_in_flight: Chunks of one job that may be with the broker at once.
        rate_limits: Rows a second that domains are held to.
    """

    database: Database
    make_queue: Callable[[], HotBuffer]
    make_sources: Callable[[], Sources]
    encoder: Callable[[Model], Encoder]
    identify: Callable[[str], ModelIdentity]
    default_model: str
    lease_s: float = 330.0
    chunks_in_flight: int = 32
    rate_limits: Mapping[str, float] = field(default_factory=dict)
    spool: Path = Path()

    @cached_property
    def queue(self) -> HotBuffer:
        """The hot end of the delivery log; disposable."""
        return self.make_queue()

    @cached_property
    def sources(self) -> Sources:
        """Opens files under the data roots."""
        return self.make_sources()
