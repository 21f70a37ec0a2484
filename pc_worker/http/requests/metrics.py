"""The Prometheus metrics of the HTTP part; they have no label that a client could invent."""

from __future__ import annotations

from pc_worker.metrics.multiprocess import Counter, Gauge, Histogram

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

REQUESTS = Counter("pcw_http_requests_total", "Requests by route, method and status.", ["route", "method", "status"])
REQUEST_SECONDS = Histogram(
    "pcw_http_request_seconds", "Seconds from a request to the end of its response.", ["route"], buckets=SECONDS
)
LIMITS_LOCAL = Gauge(
    "pcw_http_limits_local",
    "1 while limits are counted in this process only, because Redis does not answer.",
    multiprocess_mode="livemax",
)
OPEN = Gauge("pcw_http_requests_open", "Requests being answered, streams included.", multiprocess_mode="livesum")
