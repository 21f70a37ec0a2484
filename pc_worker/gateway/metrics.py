"""What the gateway counts, for Prometheus."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pc_worker.metrics.multiprocess import Counter, Gauge

STREAMS = Gauge("pcw_gateway_streams", "Streams open now", ["domain", "call"], multiprocess_mode="livesum")
ROWS = Counter("pcw_gateway_rows", "Rows sent, by where they were read", ["domain", "source"])
BYTES = Counter("pcw_gateway_bytes", "Message bytes sent", ["domain"])
BLOCKED = Counter("pcw_gateway_blocked_seconds", "Time streams waited for their clients to read", ["domain"])
ENDED = Counter("pcw_gateway_streams_ended", "Streams ended, complete or cut short", ["domain", "outcome"])
# By domain only: names of subscriptions are their clients' own, and a series cannot be taken back where several
# processes share them. How far each consumer has acknowledged is in the database:
# services/maintenance/line_metrics.py tells it, also of absent ones, for as long as the subscription exists.
CREDIT_CHUNKS = Gauge(
    "pcw_gateway_consumer_credit_chunks", "Chunks consumers may still be sent", ["domain"], multiprocess_mode="livesum"
)
CREDIT_BYTES = Gauge(
    "pcw_gateway_consumer_credit_bytes", "Bytes consumers may still be sent", ["domain"], multiprocess_mode="livesum"
)
WAITED = Counter("pcw_gateway_consumer_waited_seconds", "Time chunks waited for a consumer's credit", ["domain"])
FENCED = Counter("pcw_gateway_consumers_fenced", "Consumers that lost their subscription to another", ["domain"])

RESTARTS = Counter("pcw_gateway_background_deaths", "Background tasks that ended unforeseen, and began again", ["task"])


class CreditShown:
    """What one consumer adds to its domain's credit gauges."""

    def __init__(self, domain: str) -> None:
        self._domain = domain
        self._chunks = self._bytes = 0

    def show(self, chunks: int, size: int) -> None:
        """Have it add this much from now on."""
        CREDIT_CHUNKS.labels(self._domain).inc(chunks - self._chunks)
        CREDIT_BYTES.labels(self._domain).inc(size - self._bytes)
        self._chunks, self._bytes = chunks, size


@contextmanager
def stream_open(domain: str, call: str) -> Iterator[None]:
    """Count a stream of a domain that is known: names that callers make up would be labels for ever."""
    STREAMS.labels(domain, call).inc()
    try:
        yield
    finally:
        STREAMS.labels(domain, call).dec()
