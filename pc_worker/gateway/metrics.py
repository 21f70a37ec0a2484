"""What the gateway counts, for Prometheus."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

CONSUMER = ["domain", "subscription"]

STREAMS = Gauge("pcw_gateway_streams", "Streams open now", ["domain", "call"])
ROWS = Counter("pcw_gateway_rows", "Rows sent, by where they were read", ["domain", "source"])
BYTES = Counter("pcw_gateway_bytes", "Message bytes sent", ["domain"])
BLOCKED = Counter("pcw_gateway_blocked_seconds", "Time streams waited for their clients to read", ["domain"])
ENDED = Counter("pcw_gateway_streams_ended", "Streams ended, complete or cut short", ["domain", "outcome"])
POSITION = Gauge("pcw_gateway_consumer_position", "Last position a consumer was sent", CONSUMER)
ACKED = Gauge("pcw_gateway_consumer_acked_position", "Last position a consumer acknowledged", CONSUMER)
HEAD = Gauge("pcw_gateway_consumer_head", "Newest position of a consumer's log", CONSUMER)
LAG_ROWS = Gauge("pcw_gateway_consumer_lag_rows", "Positions a consumer has not acknowledged", CONSUMER)
LAG_SECONDS = Gauge("pcw_gateway_consumer_lag_seconds", "Age of the oldest entry not acknowledged", CONSUMER)
CREDIT_CHUNKS = Gauge("pcw_gateway_consumer_credit_chunks", "Chunks a consumer may still be sent", CONSUMER)
CREDIT_BYTES = Gauge("pcw_gateway_consumer_credit_bytes", "Bytes a consumer may still be sent", CONSUMER)
WAITED = Counter("pcw_gateway_consumer_waited_seconds", "Time chunks waited for a consumer's credit", CONSUMER)
FENCED = Counter("pcw_gateway_consumers_fenced", "Consumers that lost their subscription to another", ["domain"])

OF_CONSUMER = (POSITION, ACKED, HEAD, LAG_ROWS, LAG_SECONDS, CREDIT_CHUNKS, CREDIT_BYTES, WAITED)
