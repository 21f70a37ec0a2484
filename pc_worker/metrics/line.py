"""Prometheus metrics of the pipeline, counted where the work is done; names begin with ``pcw_``.

Answers, gateway, push, hot buffer and HTTP have their own modules named ``metrics`` or ``answers``; the contents of
the database and the hot buffer are read at each scrape (``services/maintenance/line_metrics.py``).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Literal

from pc_worker.metrics.multiprocess import Counter, Gauge, Histogram
from pc_worker.model import Tally
from pc_worker.tracing import span

Stage = Literal["read", "clean", "embed", "write", "push"]

SHORT = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
LONG = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)

ROWS = Counter("pcw_rows_total", "Rows by outcome.", ["domain", "outcome"])
TEXTS_ENCODED = Counter("pcw_texts_encoded_total", "Texts that a model really saw.", ["domain"])
TEXTS_TRUNCATED = Counter("pcw_texts_truncated_total", "Texts cut to the model's window.", ["domain"])
TOKENS = Counter("pcw_encoder_tokens_total", "Tokens that a model really saw, padding left out.", ["domain"])
ENCODER_SECONDS = Counter("pcw_encoder_seconds_total", "Seconds that encoders were at work.", ["domain"])
CACHE = Counter("pcw_cache_lookups_total", "Texts looked for among the vectors that exist.", ["domain", "result"])
CHUNK_SECONDS = Histogram("pcw_chunk_seconds", "Seconds of one chunk, lease to hot buffer.", ["domain"], buckets=LONG)
STAGE_SECONDS = Histogram(
    "pcw_stage_seconds", "Seconds that a chunk spent in one stage.", ["domain", "stage"], buckets=LONG
)
CHUNKS_FAILED = Counter("pcw_chunk_failures_total", "Attempts of chunks that ended with an error.", ["domain"])
QUEUE_PUSH_FAILURES = Counter("pcw_queue_push_failures_total", "Entries that Redis did not take.", ["domain"])
SEARCH_SECONDS = Histogram(
    "pcw_search_seconds", "Seconds of one search, encoding included.", ["domain", "mode"], buckets=SHORT
)
RERANK_SECONDS = Histogram("pcw_rerank_seconds", "Seconds of reranking the hits of one search.", buckets=SHORT)
RERANKS_FAILED = Counter("pcw_rerank_failures_total", "Searches whose hits kept their order because reranking failed.")
SEARCHES_FAILED = Counter("pcw_search_failures_total", "Searches that ended with an error.", ["domain"])
SEARCHES_AS_TEXT = Counter(
    "pcw_searches_as_text_total",
    "Hybrid searches that were answered by text alone, because the engine of queries did not answer.",
    ["domain"],
)
SEARCHES_WEAK = Counter(
    "pcw_searches_weak_total",
    "First pages without hits (kind none), or whose best hit is below the recommended least score (kind low).",
    ["domain", "mode", "kind"],
)
MESSAGES_RESENT = Counter("pcw_messages_resent_total", "Messages sent again by reconcile.", ["task"])
RETRIES = Counter("pcw_task_retries_total", "Tasks put off to be tried again.", ["task"])
TASKS_FAILED = Counter("pcw_task_failures_total", "Tasks that ended with an error.", ["task"])
UPKEEP_DONE = Gauge(
    "pcw_upkeep_done_timestamp_seconds",
    "When a maintenance task last succeeded, Unix time.",
    ["task"],
    multiprocess_mode="mostrecent",
)
VIOLATIONS = Counter(
    "pcw_ledger_violations_total",
    "What a check found wrong: ended jobs whose rows do not add up, written rows without vectors.",
    ["kind"],
)
CHECKED = Counter("pcw_ledger_checked_total", "What was looked at for such violations.", ["kind"])


def count_outcomes(domain: str, tally: Tally) -> None:
    """Count how a chunk's rows ended."""
    ROWS.labels(domain=domain, outcome="written").inc(tally.written)
    ROWS.labels(domain=domain, outcome="unchanged").inc(tally.unchanged)
    ROWS.labels(domain=domain, outcome="skipped").inc(tally.skipped)
    ROWS.labels(domain=domain, outcome="dead").inc(tally.dead)


class StageClock:
    """The seconds that one chunk spends in each stage, summed over repeated transactions."""

    def __init__(self) -> None:
        self.seconds: dict[Stage, float] = {}
        self._began: dict[Stage, float] = {}

    @contextmanager
    def stage(self, name: Stage) -> Iterator[None]:
        """Count the time of the block, however it ends."""
        self._began[name] = perf_counter()
        try:
            with span(name):
                yield
        finally:
            self.seconds[name] = self.so_far(name)
            del self._began[name]

    def so_far(self, name: Stage) -> float:
        """Return the seconds of a stage until now, also from inside it."""
        running = perf_counter() - self._began[name] if name in self._began else 0.0
        return self.seconds.get(name, 0.0) + running

    def leave_out(self, name: Stage, seconds: float) -> None:
        """Subtract seconds from a stage that were not its own work."""
        self.seconds[name] = max(0.0, self.seconds.get(name, 0.0) - seconds)

    def observe(self, domain: str) -> None:
        """Report the seconds to Prometheus."""
        for name, seconds in self.seconds.items():
            STAGE_SECONDS.labels(domain=domain, stage=name).observe(seconds)
