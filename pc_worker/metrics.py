"""Prometheus metrics of the line; names begin ``pcw_``. The gateway's own stand in ``gateway/metrics.py``."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

from pc_worker.store.values import Tally

ROWS = Counter("pcw_rows_total", "Rows by outcome.", ["domain", "outcome"])
TEXTS_ENCODED = Counter("pcw_texts_encoded_total", "Texts that a model really saw.", ["domain"])
TEXTS_TRUNCATED = Counter("pcw_texts_truncated_total", "Texts cut to the model's window.", ["domain"])
CHUNK_SECONDS = Histogram(
    "pcw_chunk_seconds",
    "Seconds of one chunk, from claim to queue.",
    ["domain"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300),
)
RECALL = Gauge("pcw_recall", "Mean recall@10 of a domain's vector index.", ["domain"], multiprocess_mode="mostrecent")
QUEUE_PUSH_FAILURES = Counter("pcw_queue_push_failures_total", "Entries that Redis did not take.", ["domain"])
MESSAGES_RESENT = Counter("pcw_messages_resent_total", "Messages sent again by reconcile.", ["task"])


def count_rows(domain: str, tally: Tally) -> None:
    """Count how a chunk's rows ended."""
    ROWS.labels(domain=domain, outcome="written").inc(tally.written)
    ROWS.labels(domain=domain, outcome="unchanged").inc(tally.unchanged)
    ROWS.labels(domain=domain, outcome="skipped").inc(tally.skipped)
    ROWS.labels(domain=domain, outcome="dead").inc(tally.dead)
    TEXTS_ENCODED.labels(domain=domain).inc(tally.texts_encoded)
