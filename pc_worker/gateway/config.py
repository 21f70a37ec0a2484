"""What the gateway is told when it starts: plain values, read from the environment by its caller."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from pc_worker.store.search.cancel import Stop


class SearchFunction(Protocol):
    """The search service: blocking, called in a thread; its result has the shape of the command's ``--json``."""

    def __call__(
        self, *, query: str, domain: str, k: int, mode: str, where: Sequence[str], like: str | None, stop: Stop
    ) -> Mapping[str, Any]:
        """Give ranked hits; ``query`` is empty when ``like`` names a row; ``stop`` may end it from another thread.

        Raises:
            PcWorkerError: Turned into a status.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayConfig:
    """Addresses, neighbours, credentials and limits of one gateway.

    Attributes:
        addresses: HOST:PORT each; port 0 = any free one.
        database_url: ``postgresql://…``.
        redis_url: ``redis://…``; None = no queue, everything is read from the log.
        domains: Domains that exist even before their first row.
        token: A bearer token for all domains.
        tokens: sha256 of a token in hexadecimal → the domains it opens.
        insecure: May listen beyond loopback without TLS or without credentials.
        max_streams: Calls served at once, of all clients; each holds a few MB.
        streams_per_token: … of one token.
        streams_per_host: … of one host.
        side_calls: Health and reflection calls at once, of all clients; they need no place among the others.
        side_calls_per_caller: … of one host, and of one token.
        searches: Searches at work at once, of all clients; each has a thread and a connection.
        searches_per_caller: … of one token, or of one host where no tokens are given out; others wait their turn.
        search_s: How long a search may take, its turn and the loading of its model included.
        first_message_s: How long a call may take to say its first word.
        max_subscriptions: Named consumers of one domain.
        database_connections: Held only while a statement runs, so few serve many streams.
        retry_for_s: How long a stream waits for a database that went away before it ends with UNAVAILABLE.
        stall_s: How long a client may not take a single message before its stream is closed.
        first_chunk_delay_s: The stock Java reader may block on itself if a chunk comes before it has subscribed.
        drain_s: How long running streams may go on after SIGTERM.
    """

    addresses: tuple[str, ...]
    database_url: str = field(repr=False)
    redis_url: str | None = field(default=None, repr=False)
    domains: frozenset[str] = frozenset()
    token: str | None = field(default=None, repr=False)
    tokens: Mapping[str, frozenset[str]] = field(default_factory=dict, repr=False)
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
    database_connections: int = 8
    retry_for_s: float = 30.0
    stall_s: float = 3600.0
    first_chunk_delay_s: float = 0.03
    drain_s: float = 5.0


#: Called once the gateway listens, with the addresses it really has.
OnReady = Callable[[tuple[str, ...]], None]
