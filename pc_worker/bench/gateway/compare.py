"""`bench gateway`: rows a second to Python and Java clients, from queue and PostgreSQL, against a bare server."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from statistics import median

import redis

from pc_worker.bench import BenchResult, Figure
from pc_worker.bench.gateway.calls import consumed_s, streamed_s
from pc_worker.bench.gateway.crowd import CrowdCost, measure_crowd
from pc_worker.bench.gateway.java import java_calls
from pc_worker.bench.gateway.java_reader import jvm, why_no_java
from pc_worker.bench.gateway.log import CommittedChunk, make_chunks, store_chunks
from pc_worker.bench.gateway.servers import own_process, run_bare, run_gateway
from pc_worker.bench.own_folder import own_folder
from pc_worker.embedded import EmbeddedServers, start_servers
from pc_worker.gateway import GatewayConfig
from pc_worker.hot_buffer import HotBuffer
from pc_worker.store.db.connection import Database
from pc_worker.store.db.migrations import migrate, read_migrations
from pc_worker.wiring import MIGRATIONS

#: dimension → rows: some 250 MB each, so that a call's fixed 30 ms hardly count.
SIZES = {384: 108_000, 1536: 36_000}
QUEUE_BYTES = 1024**3
REPEATS = 5
MB = 1e6
#: Asked of us: at least, and aimed at.
FROM_QUEUE = (0.5, 0.8)
FROM_LOG = (0.1, 0.3)
BESIDE_OTHERS = (0.9, 1.0)
NOT_ASKED = (None, None)
#: What a crowd may cost the gateway.
CROWD_MIB = 64.0

Wanted = tuple[float | None, float | None]


def run(*, scale: float = 1.0) -> BenchResult:
    """Measure on its own servers, in a temporary home; ``scale`` multiplies the rows.

    Each figure is the median of five runs, ours and the baseline's taken in turn. Rates in MB/s are of messages.
    """
    figures: list[Figure] = []
    with bench_servers() as servers:
        for dimension, rows in SIZES.items():
            figures += _measure(servers, dimension, int(rows * scale))
    why = why_no_java()
    if why is not None:
        figures.append(Figure(f"the Java client: left out, {why}", 0, 0, 0, None, None, unit="rows/s"))
    return BenchResult("gateway", figures)


def _measure(servers: EmbeddedServers, dimension: int, rows: int) -> list[Figure]:
    domain = f"bench{dimension}"
    chunks = list(make_chunks(domain, rows=rows, dimension=dimension))
    fill_domain(servers, domain, chunks)
    messages = [chunk.entry.message() for chunk in chunks]
    rates, crowd = _rates(servers, domain, messages, rows)
    row_mb = sum(map(len, messages)) / rows / MB
    figures: list[Figure] = []
    for label, ours, baseline, wanted in (
        ("from the queue", "queue", "bare", FROM_QUEUE),
        ("from PostgreSQL", "log", "bare", FROM_LOG),
        ("acknowledged, from the queue", "consumed", "bare", NOT_ASKED),
        ("to the Java client, from the queue", "java queue", "java bare", NOT_ASKED),
        ("to the Java client, from PostgreSQL", "java log", "java bare", NOT_ASKED),
    ):
        if ours in rates:
            runtime = f" ({jvm()})" if ours.startswith("java") else ""
            figures += _figures(f"{dimension}-d {label}{runtime}", rates[ours], rates[baseline], wanted, row_mb)
    return [*figures, *_crowd_figures(dimension, crowd, rows)]


def _rates(
    servers: EmbeddedServers, domain: str, messages: list[bytes], rows: int
) -> tuple[dict[str, float], CrowdCost]:
    with ExitStack() as stack:
        bare = stack.enter_context(own_process(run_bare, messages))
        queue = stack.enter_context(own_process(run_gateway, _config(servers, servers.redis_url)))
        log = stack.enter_context(own_process(run_gateway, _config(servers, None)))
        crowd = measure_crowd(
            queue.address, queue.pid, domain, lambda: streamed_s(queue.address, domain), repeats=REPEATS
        )
        addresses = {"bare": bare.address, "queue": queue.address, "log": log.address}
        java = stack.enter_context(java_calls(addresses, domain, rows))
        for call in java.values():
            call()
        calls: dict[str, Callable[[], float]] = {
            "bare": lambda: streamed_s(bare.address, domain),
            "queue": lambda: streamed_s(queue.address, domain),
            "log": lambda: streamed_s(log.address, domain),
            "consumed": lambda: consumed_s(queue.address, domain, rows),
        }
        return _median({**calls, **java}, rows), crowd


def _figures(label: str, ours: float, baseline: float, wanted: Wanted, row_mb: float) -> list[Figure]:
    ratio = round(ours / baseline, 3)
    return [
        Figure(label, round(ours), round(baseline), ratio, *wanted, unit="rows/s"),
        Figure(label, round(ours * row_mb, 1), round(baseline * row_mb, 1), ratio, *NOT_ASKED, unit="MB/s"),
    ]


def _crowd_figures(dimension: int, cost: CrowdCost, rows: int) -> list[Figure]:
    label = f"{dimension}-d beside 10 frozen and 10 slow clients"
    alone, beside = rows / cost.alone_s, rows / cost.beside_s
    room = round(CROWD_MIB / max(cost.grown_mib, 1.0), 3)
    return [
        Figure(label, round(beside), round(alone), round(beside / alone, 3), *BESIDE_OTHERS, unit="rows/s"),
        Figure(f"{label}, memory", round(cost.grown_mib, 1), CROWD_MIB, room, 1.0, None, unit="MiB"),
    ]


def _median(calls: Mapping[str, Callable[[], float]], rows: int) -> dict[str, float]:
    rates: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(REPEATS):
        for name, call in calls.items():
            rates[name].append(rows / call())
    return {name: median(measured) for name, measured in rates.items()}


def fill_domain(servers: EmbeddedServers, domain: str, chunks: list[CommittedChunk]) -> None:
    """Store a domain's chunks in the database and on the queue."""
    database = Database(servers.database_url)
    key = store_chunks(database, domain, chunks)
    database.close()
    client = redis.Redis.from_url(servers.redis_url)
    queue = HotBuffer(client, max_bytes=QUEUE_BYTES)
    for chunk in chunks:
        queue.push(chunk.entry, key)
    client.close()


def _config(servers: EmbeddedServers, redis_url: str | None) -> GatewayConfig:
    return GatewayConfig(addresses=("127.0.0.1:0",), database_url=servers.database_url, redis_url=redis_url)


@contextmanager
def bench_servers() -> Iterator[EmbeddedServers]:
    """Run servers of a benchmark's own, with the schema."""
    with own_folder() as folder:
        servers = start_servers(folder / "home")
        try:
            database = Database(servers.database_url)
            migrate(database, read_migrations(MIGRATIONS))
            database.close()
            yield servers
        finally:
            servers.stop()
