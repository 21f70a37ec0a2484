"""Prometheus metrics of the gateway; names begin ``pcw_gateway_``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pc_worker.metrics.multiprocess import Counter, Gauge

STREAMS = Gauge("pcw_gateway_streams", "Streams open now", ["domain", "call"], multiprocess_mode="livesum")
ROWS = Counter("pcw_gateway_rows", "Rows sent, by where they were read", ["domain", "source"])
BYTES = Counter("pcw_gateway_bytes", "Message bytes sent", ["domain"])
BLOCKED = Counter("pcw_gateway_blocked_seconds", "Time streams waited for their clients to read", ["domain"])
ENDED = Counter("pcw_gateway_streams_ended", "Streams ended, complete or cut short", ["domain", "outcome"])
# By domain only: clients choose the names of subscriptions, and a series cannot be removed when several processes share
# it. services/maintenance/line_metrics.py reports each subscription's position from the database, connected or not.
CREDIT_CHUNKS = Gauge(
    "pcw_gateway_consumer_credit_chunks", "Chunks consumers may still be sent", ["domain"], multiprocess_mode="livesum"
)
CREDIT_BYTES = Gauge(
    "pcw_gateway_consumer_credit_bytes", "Bytes consumers may still be sent", ["domain"], multiprocess_mode="livesum"
)
WAITED = Counter("pcw_gateway_consumer_waited_seconds", "Time chunks waited for a consumer's credit", ["domain"])
NACKED = Counter("pcw_gateway_rows_nacked", "Nacks of consumers that were stored", ["domain"])
REDELIVERED = Counter("pcw_gateway_rows_redelivered", "Rows sent again after a nack", ["domain"])
FENCED = Counter("pcw_gateway_consumers_fenced", "Consumers that lost their subscription to another", ["domain"])

RESTARTS = Counter(
    "pcw_gateway_background_deaths", "Background tasks that ended unexpectedly and were restarted", ["task"]
)


class CreditShown:
    """The share of one consumer in its domain's credit gauges."""

    def __init__(self, domain: str) -> None:
        self._domain = domain
        self._chunks = self._bytes = 0

    def show(self, chunks: int, size: int) -> None:
        """Set the share to ``chunks`` and ``size`` bytes."""
        CREDIT_CHUNKS.labels(self._domain).inc(chunks - self._chunks)
        CREDIT_BYTES.labels(self._domain).inc(size - self._bytes)
        self._chunks, self._bytes = chunks, size


@contextmanager
def stream_open(domain: str, call: str) -> Iterator[None]:
    """Count an open stream of a known domain: a label with an invented name would never be removed."""
    STREAMS.labels(domain, call).inc()
    try:
        yield
    finally:
        STREAMS.labels(domain, call).dec()
