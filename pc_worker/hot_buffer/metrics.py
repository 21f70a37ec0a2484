"""Prometheus metrics of the hot buffer's readers."""

from __future__ import annotations

from pc_worker.metrics.multiprocess import Counter

#: ``away``: Redis does not answer, or not in time. ``damaged``: the keys hold another data type, or an invalid entry.
UNUSABLE = Counter(
    "pcw_queue_unusable", "Readings that the queue could not serve, so that PostgreSQL did.", ["domain", "reason"]
)
