"""The shared dependencies of one process's services, created by ``wiring``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from pc_worker.model import DEFAULT_CHUNK_ROWS

if TYPE_CHECKING:  # only types: a command that reads the ledger loads no reader, no Redis client and no encoder
    from pc_worker.encoding import Encoder, ModelIdentity
    from pc_worker.encoding.rerank import Reranker
    from pc_worker.hot_buffer import HotBuffer
    from pc_worker.model import Model
    from pc_worker.object_store.copies import SharedCopies
    from pc_worker.services.sources import Sources
    from pc_worker.store.db.connection import Database


@dataclass(frozen=True, kw_only=True)
class Services:
    """One process's connections, sources and encoders.

    Attributes:
        database: The connection to PostgreSQL.
        make_hot_buffer: Creates ``hot_buffer`` on its first use.
        make_sources: Creates ``sources`` on their first use.
        encoder: Returns the loaded encoder of a registered model.
        identify: Returns the identity of a model, by name or path, for the configured encoder; loads no weights.
        budget_usd: USD that one job may spend on embeddings; None = no limit.
        reranker: Orders the best hits of a search again; None = none is configured.
        default_model: Name or path of the first model of domains that are embedded here.
        lease_s: Seconds until a chunk's lease expires.
        chunk_rows: Rows per chunk, unless a request has its own value.
        chunks_in_flight: Chunks of one job that may be with the broker at once.
        rate_limits: Rate limits in rows per second, by domain.
        spool: Folder of the reader's sidecars and decompressed copies.
        uploads: Folder of uploaded sources.
        shared_copies: Copies of objects that all machines share; None = they share none.
    """

    database: Database
    make_hot_buffer: Callable[[], HotBuffer]
    make_sources: Callable[[], Sources]
    encoder: Callable[[Model], Encoder]
    identify: Callable[[str], ModelIdentity]
    default_model: str
    budget_usd: float | None = None
    reranker: Reranker | None = None
    lease_s: float = 330.0
    chunk_rows: int = DEFAULT_CHUNK_ROWS
    chunks_in_flight: int = 32
    rate_limits: Mapping[str, float] = field(default_factory=dict)
    spool: Path = Path()
    uploads: Path = Path("uploads")
    shared_copies: SharedCopies | None = None

    @cached_property
    def hot_buffer(self) -> HotBuffer:
        """The most recent log batches, in Redis; an optimisation."""
        return self.make_hot_buffer()

    @cached_property
    def sources(self) -> Sources:
        """The files under the data roots."""
        return self.make_sources()
