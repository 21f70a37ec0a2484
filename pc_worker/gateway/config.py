"""The configuration of a gateway: plain values, which its caller reads from the environment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from pc_worker.access import Grant
from pc_worker.store.search.cancel import Stop


class SearchFunction(Protocol):
    """The search service: blocking, called in a thread; its result has the shape of the command's ``--json``."""

    def __call__(self, asked: Mapping[str, Any], *, stop: Stop) -> Mapping[str, Any]:
        """Return ranked hits for a request as JSON has it; ``stop`` may cancel it from another thread.

        Raises:
            PcWorkerError: `call_edge` turns it into a status.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayConfig:
    """Addresses, servers, credentials and limits of one gateway.

    Attributes:
        addresses: HOST:PORT each; port 0 = any free one.
        database_url: ``postgresql://…``.
        redis_url: ``redis://…``; None = no hot buffer, everything is read from PostgreSQL.
        domains: Domains that exist even before their first row.
        token: A bearer token for all domains.
        tokens: sha256 of a token in hexadecimal → its domains and roles.
        tokens_file: A file of the same, read again when it changes.
        insecure: May listen beyond loopback without TLS or without credentials.
        max_streams: Concurrent calls of all clients; each takes a few MB.
        streams_per_token: Concurrent calls of one token.
        streams_per_host: Concurrent calls of one host.
        side_calls: Concurrent health and reflection calls of all clients, which have their own quota.
        side_calls_per_caller: Concurrent health and reflection calls of one host, and of one token.
        searches: Concurrent searches of all clients; each has a thread and a connection.
        searches_per_caller: Concurrent searches of one token, or of one host without tokens; more of them wait.
        search_s: Seconds that a search may take, with its wait and the loading of its model.
        first_message_s: Seconds until a call must have sent its first message.
        max_subscriptions: Subscriptions of one domain.
        max_deliveries: Deliveries after which a nacked row is a dead letter, unless the client sets another number.
        database_connections: Size of the pool. A stream holds a connection only during a statement.
        retry_for_s: Seconds that a stream waits for an unavailable database before it ends with UNAVAILABLE.
        stall_s: Seconds that one message may wait for its client to read before the stream is closed.
        first_chunk_delay_s: Delay of the first chunk to Java clients and unknown ones; the stock Java reader may block
            if one arrives before it has subscribed.
        drain_s: Seconds that running streams may continue after SIGTERM.
    """

    addresses: tuple[str, ...]
    database_url: str = field(repr=False)
    redis_url: str | None = field(default=None, repr=False)
    domains: frozenset[str] = frozenset()
    token: str | None = field(default=None, repr=False)
    tokens: Mapping[str, Grant] = field(default_factory=dict, repr=False)
    tokens_file: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    tls_client_ca: Path | None = None
    insecure: bool = False
    max_streams: int = 256
    streams_per_token: int = 64
    streams_per_host: int = 192
    side_calls: int = 256
    side_calls_per_caller: int = 64
    searches: int = 8
    searches_per_caller: int = 2
    search_s: float = 120.0
    first_message_s: float = 10.0
    max_subscriptions: int = 256
    max_deliveries: int = 5
    database_connections: int = 8
    retry_for_s: float = 30.0
    stall_s: float = 3600.0
    first_chunk_delay_s: float = 0.03
    drain_s: float = 5.0


#: Called once the gateway listens, with its addresses and their real ports.
OnReady = Callable[[tuple[str, ...]], None]
