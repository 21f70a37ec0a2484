"""Prometheus metrics of the database's and the hot buffer's content, read at each scrape, by one component only.

A gauge that workers set would be as old as the task that set it, and different in each worker.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from threading import Lock
from typing import get_args

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from pc_worker.domains import domain_names
from pc_worker.errors import HotBufferDamaged
from pc_worker.hot_buffer import HotBuffer
from pc_worker.logs import get_logger
from pc_worker.model import OPEN_STATES, JobState
from pc_worker.store.db.connection import Cursor, Database
from pc_worker.store.ledger import pipeline_state
from pc_worker.store.log.nacked_rows import nacked_counts
from pc_worker.store.log.subscriptions import subscription_lags

log = get_logger(__name__)

Family = GaugeMetricFamily
DOMAIN = ("domain",)
CONSUMER = ("domain", "subscription")

#: Name → help text and labels.
GAUGES: dict[str, tuple[str, tuple[str, ...]]] = {
    "pcw_postgres_up": ("1 = PostgreSQL answers.", ()),
    "pcw_queue_up": ("1 = Redis answers.", ()),
    "pcw_jobs": ("Jobs in the ledger.", ("domain", "state")),
    "pcw_oldest_open_job_seconds": ("Age of the oldest job that has not ended.", DOMAIN),
    "pcw_chunks_open": ("Chunks of running jobs that are not done.", DOMAIN),
    "pcw_oldest_waiting_chunk_seconds": ("How long the longest waiting chunk has waited.", DOMAIN),
    "pcw_dead_letters": ("Dead letters of all jobs in the ledger.", DOMAIN),
    "pcw_log_head": ("Newest position of the delivery log.", DOMAIN),
    "pcw_log_depth": ("Positions from the log's oldest entry to its head.", DOMAIN),
    "pcw_log_age_seconds": ("Seconds since the log's newest commit.", DOMAIN),
    "pcw_queue_entries": ("Entries in the queue.", DOMAIN),
    "pcw_queue_bytes": ("Bytes in the queue.", DOMAIN),
    "pcw_queue_age_seconds": ("Age of the queue's oldest entry.", DOMAIN),
    "pcw_dead_messages": ("Invalid messages that are kept for inspection.", ()),
    "pcw_held_messages": ("Messages that wait until they are due.", ()),
    "pcw_subscription_lag_rows": ("Positions a consumer has not acknowledged.", CONSUMER),
    "pcw_subscription_lag_seconds": ("Age of the oldest entry a consumer has not acknowledged.", CONSUMER),
    "pcw_subscription_consumed": ("1 = a consumer has its lease now.", CONSUMER),
    "pcw_subscription_dead_letters": ("Rows a consumer nacked that are not delivered any more.", CONSUMER),
    "pcw_subscription_nacked_rows": ("Rows a consumer nacked that wait for their next delivery.", CONSUMER),
    "pcw_recall": ("Mean recall@10 of a domain's vector index, as last measured.", DOMAIN),
    "pcw_recall_target": ("What its index was tuned for.", DOMAIN),
    "pcw_table_bytes": ("Bytes of a table with its indexes.", ("table",)),
    "pcw_table_rows": ("Rows of a table, as the planner estimates them.", ("table",)),
}

STATES = get_args(JobState)


class LineMetrics(Collector):
    """The metrics of the whole pipeline, measured at each scrape; ``pcw_…_up`` shows which server does not answer.

    Args:
        database: A connection for this object only.
        queue: The hot buffer.
    """

    def __init__(self, database: Database, queue: HotBuffer) -> None:
        self._database, self._queue = database, queue
        self._one_at_a_time = Lock()

    def describe(self) -> Iterable[Family]:
        """Return the metrics without values."""
        return _families().values()

    def collect(self) -> Iterator[Family]:
        """Yield the metrics with their values now."""
        families = _families()
        with self._one_at_a_time:
            self._measure_database(families)
            self._measure_queue(families)
        yield from (family for family in families.values() if family.samples)

    def _measure_database(self, families: dict[str, Family]) -> None:
        try:
            with self._database.transaction() as cursor:
                _log(cursor, families)
                _jobs(cursor, families)
                _consumers(cursor, families)
                _sizes(cursor, families)
        except Exception as exc:  # a scrape is answered in spite of any error
            log.warning("line_not_measured", reason=str(exc))
            families.update(_families())  # incomplete values would be wrong ones
            families["pcw_postgres_up"].add_metric((), 0)
            return
        families["pcw_postgres_up"].add_metric((), 1)

    def _measure_queue(self, families: dict[str, Family]) -> None:
        found: dict[str, tuple[int, int, int | None]] = {}
        for domain in domain_names():
            try:
                found[domain] = (*self._queue.depth(domain), self._queue.oldest(domain))
            except HotBufferDamaged as exc:  # this domain's only: the others are measured
                log.warning("queue_not_measured", domain=domain, reason=str(exc))
            except Exception as exc:  # a scrape is answered in spite of any error
                log.warning("queue_not_measured", reason=str(exc))
                families["pcw_queue_up"].add_metric((), 0)
                return
        families["pcw_queue_up"].add_metric((), 1)
        self._measure_messages(families)
        for domain, (entries, held, oldest) in found.items():
            families["pcw_queue_entries"].add_metric((domain,), entries)
            families["pcw_queue_bytes"].add_metric((domain,), held)
            if (age := self._age(domain, oldest)) is not None:
                families["pcw_queue_age_seconds"].add_metric((domain,), age)

    def _measure_messages(self, families: dict[str, Family]) -> None:
        try:
            dead, held = self._queue.dead_messages().kept, self._queue.held_messages()
        except Exception as exc:  # a scrape is answered in spite of any error
            log.warning("messages_not_measured", reason=str(exc))
            return
        families["pcw_dead_messages"].add_metric((), dead)
        families["pcw_held_messages"].add_metric((), held)

    def _age(self, domain: str, oldest: int | None) -> float | None:
        if oldest is None:
            return 0.0
        try:
            with self._database.transaction() as cursor:
                return pipeline_state.age_of_position(cursor, domain, oldest)
        except Exception:  # pcw_postgres_up shows it
            return None


def _families() -> dict[str, Family]:
    return {name: Family(name, text, labels=labels) for name, (text, labels) in GAUGES.items()}


def _log(cursor: Cursor, families: dict[str, Family]) -> None:
    for domain, head, depth, age in pipeline_state.log_heads(cursor):
        families["pcw_log_head"].add_metric((domain,), head)
        families["pcw_log_depth"].add_metric((domain,), depth)
        families["pcw_log_age_seconds"].add_metric((domain,), float(age))


def _jobs(cursor: Cursor, families: dict[str, Family]) -> None:
    dead: dict[str, int] = {}
    oldest: dict[str, float] = {}
    open_chunks: dict[str, int] = {}
    counts: dict[tuple[str, str], int] = {}
    for domain, state, jobs, chunks, rows_dead, age in pipeline_state.jobs_by_state(cursor, domain_names()):
        counts |= {(domain, other): counts.get((domain, other), 0) for other in STATES} | {(domain, state): jobs}
        dead[domain] = dead.get(domain, 0) + int(rows_dead)
        if state in OPEN_STATES:
            oldest[domain] = max(oldest.get(domain, 0.0), float(age))
        open_chunks[domain] = open_chunks.get(domain, 0) + int(chunks or 0)
    for labels, count in counts.items():  # also states without a job, so that an increase from zero is visible
        families["pcw_jobs"].add_metric(labels, count)
    for domain, count in dead.items():
        families["pcw_dead_letters"].add_metric((domain,), count)
        families["pcw_oldest_open_job_seconds"].add_metric((domain,), oldest.get(domain, 0.0))
        families["pcw_chunks_open"].add_metric((domain,), open_chunks[domain])
    for domain, waited in pipeline_state.waiting_chunks(cursor):
        families["pcw_oldest_waiting_chunk_seconds"].add_metric((domain,), float(waited))


def _consumers(cursor: Cursor, families: dict[str, Family]) -> None:
    counts = nacked_counts(cursor)
    for domain, name, lag, age, consumed in subscription_lags(cursor):
        dead, waiting = counts.get((domain, name), (0, 0))
        families["pcw_subscription_dead_letters"].add_metric((domain, name), dead)
        families["pcw_subscription_nacked_rows"].add_metric((domain, name), waiting)
        families["pcw_subscription_lag_rows"].add_metric((domain, name), lag)
        families["pcw_subscription_lag_seconds"].add_metric((domain, name), float(age))
        families["pcw_subscription_consumed"].add_metric((domain, name), int(consumed))
    for domain, recall, target in pipeline_state.recalls(cursor):
        families["pcw_recall"].add_metric((domain,), recall)
        families["pcw_recall_target"].add_metric((domain,), target)


def _sizes(cursor: Cursor, families: dict[str, Family]) -> None:
    for table, size, rows in pipeline_state.table_sizes(cursor):
        families["pcw_table_bytes"].add_metric((table,), size)
        families["pcw_table_rows"].add_metric((table,), float(rows))
