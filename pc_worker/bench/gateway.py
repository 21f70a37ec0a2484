"""`bench gateway`: rows a second to a gRPC client, from the queue and from PostgreSQL, against a bare server."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import grpc
import redis

from pc_worker.bench import BenchResult, Figure
from pc_worker.bench.gateway_log import Chunk, make_chunks, store_chunks
from pc_worker.bench.gateway_servers import SERVICE, own_process, run_bare, run_gateway
from pc_worker.embedded import Services, start_services
from pc_worker.gateway import GatewayConfig
from pc_worker.generated import embedding_stream_pb2 as pb
from pc_worker.queue import Queue
from pc_worker.store.connection import Database
from pc_worker.store.migrations import migrate, read_migrations

MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"
#: dimension → rows: some 250 MB each, so that a call's fixed 30 ms hardly count.
SIZES = {384: 108_000, 1536: 36_000}
QUEUE_BYTES = 1024**3
REPEATS = 3
#: Asked of us: at least, and aimed at.
FROM_QUEUE = (0.5, 0.8)
FROM_LOG = (0.1, 0.3)


def run(*, scale: float = 1.0) -> BenchResult:
    """Measure on servers of its own, in a temporary home; ``scale`` multiplies the rows.

    Each figure is the best of three runs, ours and the baseline's taken in turn.
    """
    figures: list[Figure] = []
    with _services() as services:
        for dimension, rows in SIZES.items():
            figures += _measure(services, dimension, int(rows * scale))
    return BenchResult("gateway", figures)


def _measure(services: Services, dimension: int, rows: int) -> list[Figure]:
    domain = f"bench{dimension}"
    chunks = list(make_chunks(domain, rows=rows, dimension=dimension))
    _fill(services, domain, chunks)
    with ExitStack() as stack:
        bare = stack.enter_context(own_process(run_bare, [chunk.entry.message() for chunk in chunks]))
        queue = stack.enter_context(own_process(run_gateway, _config(services, services.redis_url)))
        log = stack.enter_context(own_process(run_gateway, _config(services, None)))
        rates = {address: 0.0 for address in (bare, queue, log)}
        for _ in range(REPEATS):
            for address in rates:
                rates[address] = max(rates[address], _rate(address, domain, rows))
    baseline = rates[bare]
    return [
        _figure(f"{dimension}-d from the queue", rates[queue], baseline, FROM_QUEUE),
        _figure(f"{dimension}-d from PostgreSQL", rates[log], baseline, FROM_LOG),
    ]


def _figure(label: str, ours: float, baseline: float, wanted: tuple[float, float]) -> Figure:
    return Figure(label, round(ours), round(baseline), round(ours / baseline, 3), *wanted, unit="rows/s")


def _rate(address: str, domain: str, rows: int) -> float:
    with grpc.insecure_channel(address, options=[("grpc.max_receive_message_length", -1)]) as channel:
        method = channel.unary_stream(f"/{SERVICE}/StreamEmbedding")
        request = pb.StreamEmbeddingRequest(domain=domain).SerializeToString()
        grpc.channel_ready_future(channel).result(timeout=10)
        started = time.perf_counter()
        for _ in method(request):
            pass
        return rows / (time.perf_counter() - started)


def _fill(services: Services, domain: str, chunks: list[Chunk]) -> None:
    database = Database(services.database_url)
    store_chunks(database, domain, chunks)
    database.close()
    client = redis.Redis.from_url(services.redis_url)
    queue = Queue(client, max_bytes=QUEUE_BYTES)
    for chunk in chunks:
        queue.push(chunk.entry)
    client.close()


def _config(services: Services, redis_url: str | None) -> GatewayConfig:
    return GatewayConfig(addresses=("127.0.0.1:0",), database_url=services.database_url, redis_url=redis_url)


@contextmanager
def _services() -> Iterator[Services]:
    with TemporaryDirectory(prefix="pcw-bench-") as home:
        services = start_services(Path(home))
        try:
            database = Database(services.database_url)
            migrate(database, read_migrations(MIGRATIONS))
            database.close()
            yield services
        finally:
            services.stop()
