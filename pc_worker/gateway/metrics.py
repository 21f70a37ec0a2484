"""What the gateway counts, for Prometheus."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pc_worker.measuring import Counter, Gauge

CONSUMER = ["domain", "subscription"]

STREAMS = Gauge("pcw_gateway_streams", "Streams open now", ["domain", "call"], multiprocess_mode="livesum")
ROWS = Counter("pcw_gateway_rows", "Rows sent, by where they were read", ["domain", "source"])
BYTES = Counter("pcw_gateway_bytes", "Message bytes sent", ["domain"])
BLOCKED = Counter("pcw_gateway_blocked_seconds", "Time streams waited for their clients to read", ["domain"])
ENDED = Counter("pcw_gateway_streams_ended", "Streams ended, complete or cut short", ["domain", "outcome"])
# How far a consumer has acknowledged is in the database: services/line_metrics.py tells it, of absent consumers too.
CREDIT_CHUNKS = Gauge(
    "pcw_gateway_consumer_credit_chunks", "Chunks consumers may still be sent", CONSUMER, multiprocess_mode="livesum"
)
CREDIT_BYTES = Gauge(
    "pcw_gateway_consumer_credit_bytes", "Bytes consumers may still be sent", CONSUMER, multiprocess_mode="livesum"
)
WAITED = Counter("pcw_gateway_consumer_waited_seconds", "Time chunks waited for a consumer's credit", CONSUMER)
FENCED = Counter("pcw_gateway_consumers_fenced", "Consumers that lost their subscription to another", ["domain"])

CREDIT = (CREDIT_CHUNKS, CREDIT_BYTES)


@contextmanager
def stream_open(domain: str, call: str) -> Iterator[None]:
    """Count a stream of a domain that is known: names that callers make up would be labels for ever."""
    STREAMS.labels(domain, call).inc()
    try:
        yield
    finally:
        STREAMS.labels(domain, call).dec()
