"""`bench gateway`: rows a second to a gRPC client, from the queue and from PostgreSQL, against a bare server."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from queue import SimpleQueue
from statistics import median
from tempfile import TemporaryDirectory

import grpc
import redis

from pc_worker.bench import BenchResult, Figure
from pc_worker.bench.gateway_log import Chunk, make_chunks, store_chunks
from pc_worker.bench.gateway_servers import SERVICE, own_process, run_bare, run_gateway
from pc_worker.embedded import Services, start_services
from pc_worker.gateway import GatewayConfig
from pc_worker.generated import embedding_stream_pb2 as pb
from pc_worker.queue import MESSAGE_BYTES, Queue
from pc_worker.store.connection import Database
from pc_worker.store.migrations import migrate, read_migrations

MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"
#: dimension → rows: some 250 MB each, so that a call's fixed 30 ms hardly count.
SIZES = {384: 108_000, 1536: 36_000}
QUEUE_BYTES = 1024**3
REPEATS = 5
CROWD = 20
#: Chunks a consumer has outstanding at most.
WINDOW_CHUNKS = 8
#: Asked of us: at least, and aimed at.
FROM_QUEUE = (0.5, 0.8)
FROM_LOG = (0.1, 0.3)
BESIDE_OTHERS = (0.9, 1.0)


def run(*, scale: float = 1.0) -> BenchResult:
    """Measure on servers of its own, in a temporary home; ``scale`` multiplies the rows.

    Each figure is the median of five runs, ours and the baseline's taken in turn.
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
        rates = _median(
            {
                "bare": lambda: _streamed(bare, domain),
                "queue": lambda: _streamed(queue, domain),
                "log": lambda: _streamed(log, domain),
                "consumed": lambda: _consumed(queue, domain, rows),
            },
            rows,
        )
        with _clients_that_do_not_read(queue, domain):
            crowded = _median({"queue": lambda: _streamed(queue, domain)}, rows)
    return [
        _figure(f"{dimension}-d from the queue", rates["queue"], rates["bare"], FROM_QUEUE),
        _figure(f"{dimension}-d from PostgreSQL", rates["log"], rates["bare"], FROM_LOG),
        _figure(f"{dimension}-d acknowledged, from the queue", rates["consumed"], rates["bare"], (None, None)),
        _figure(f"{dimension}-d beside {CROWD} that do not read", crowded["queue"], rates["queue"], BESIDE_OTHERS),
    ]


def _figure(label: str, ours: float, baseline: float, wanted: tuple[float | None, float | None]) -> Figure:
    return Figure(label, round(ours), round(baseline), round(ours / baseline, 3), *wanted, unit="rows/s")


def _median(calls: Mapping[str, Callable[[], float]], rows: int) -> dict[str, float]:
    rates: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(REPEATS):
        for name, call in calls.items():
            rates[name].append(rows / call())
    return {name: median(measured) for name, measured in rates.items()}


@contextmanager
def _channel(address: str) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(address, options=[("grpc.max_receive_message_length", -1)]) as channel:
        grpc.channel_ready_future(channel).result(timeout=10)
        yield channel


def _streamed(address: str, domain: str) -> float:
    """Stream the whole log on an open connection, and give the seconds it took."""
    with _channel(address) as channel:
        started = time.perf_counter()
        for _ in _call(channel, domain):
            pass
        return time.perf_counter() - started


def _call(channel: grpc.Channel, domain: str) -> Iterator[bytes]:
    request = pb.StreamEmbeddingRequest(domain=domain).SerializeToString()
    answers: Iterator[bytes] = channel.unary_stream(f"/{SERVICE}/StreamEmbedding")(request)
    return answers


def _consumed(address: str, domain: str, rows: int) -> float:
    """Consume the whole log from its start, acknowledging each chunk once it is there, and give the seconds."""
    requests: SimpleQueue[bytes | None] = SimpleQueue()
    credit = pb.ConsumeCredit(chunks=WINDOW_CHUNKS, bytes=WINDOW_CHUNKS * MESSAGE_BYTES)
    opening = pb.ConsumeOpen(
        domain=domain, subscription="bench", after_position=0, credit=credit, frame_bytes=4 * 1024 * 1024
    )
    requests.put(pb.ConsumeRequest(open=opening).SerializeToString())
    with _channel(address) as channel:
        started = time.perf_counter()
        for raw in channel.stream_stream(f"/{SERVICE}/Consume")(iter(requests.get, None)):
            position = min(rows, pb.ConsumeResponse.FromString(raw).chunk.position)
            if position:
                _acknowledge(requests, position, len(raw))
            if position == rows:
                requests.put(None)
        return time.perf_counter() - started


def _acknowledge(requests: SimpleQueue[bytes | None], position: int, size: int) -> None:
    requests.put(pb.ConsumeRequest(ack=pb.ConsumeAck(position=position)).SerializeToString())
    requests.put(pb.ConsumeRequest(credit=pb.ConsumeCredit(chunks=1, bytes=size)).SerializeToString())


@contextmanager
def _clients_that_do_not_read(address: str, domain: str) -> Iterator[None]:
    with ExitStack() as stack:
        calls = [_call(stack.enter_context(_channel(address)), domain) for _ in range(CROWD)]
        for call in calls:
            next(call)
        yield


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
