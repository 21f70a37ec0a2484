"""What the gateway counts, for Prometheus."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

STREAMS = Gauge("pcw_gateway_streams", "Streams open now", ["domain", "call"])
ROWS = Counter("pcw_gateway_rows", "Rows sent, by where they were read", ["domain", "source"])
BYTES = Counter("pcw_gateway_bytes", "Message bytes sent", ["domain"])
BLOCKED = Counter("pcw_gateway_blocked_seconds", "Time streams waited for their clients to read", ["domain"])
ENDED = Counter("pcw_gateway_streams_ended", "Streams ended, complete or cut short", ["domain", "outcome"])
