"""What the readers of the queue count, for Prometheus."""

from __future__ import annotations

from pc_worker.metrics.multiprocess import Counter

#: ``away``: Redis does not answer, or not in time. ``damaged``: what lies there is no queue, or no entry of ours.
UNUSABLE = Counter(
    "pcw_queue_unusable", "Readings that the queue could not serve, so that PostgreSQL did.", ["domain", "reason"]
)
