"""Prometheus metrics of the push; names begin ``pcw_push_``."""

from __future__ import annotations

from pc_worker.metrics.multiprocess import Counter, Gauge

ROWS = Counter("pcw_push_rows_total", "Rows sent to batch servers, by outcome.", ["domain", "outcome"])
LAG = Gauge(
    "pcw_push_lag_positions",
    "Positions of a domain's log that a batch server has not acknowledged.",
    ["domain", "address"],
    multiprocess_mode="mostrecent",
)
