"""`bench http`: searches by HTTP against the same by gRPC, uploads against `cp`, memory over many uploads.

Searches ask 8 at a time, in turn by HTTP and by gRPC; both parts keep the vectors of recent queries, so that what is
compared is the way to the search and back. Ratios of processor time are valid on a busy machine, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from statistics import median

from pydantic import SecretStr

from pc_worker import wiring
from pc_worker.bench import BenchResult, Figure
from pc_worker.bench.gateway.servers import own_process
from pc_worker.bench.http.parts import BenchPart, own_part
from pc_worker.bench.http.receiver import run_receiver
from pc_worker.bench.http.searches import SearchTimes, by_grpc, by_http, measure_round
from pc_worker.bench.http.uploads import UploadCost, measure_uploads, write_source
from pc_worker.bench.own_folder import own_folder
from pc_worker.bench.search.collection import Collection
from pc_worker.bench.search.compare import MODES, fill
from pc_worker.embedded import EmbeddedServers, start_servers
from pc_worker.services.search.request import Mode
from pc_worker.services.seed import seed_domains
from pc_worker.settings import Settings
from pc_worker.store.db.connection import Database
from pc_worker.store.db.migrations import migrate, read_migrations
from pc_worker.wiring import MIGRATIONS

ROWS = 100_000
CLIENTS, QUERIES, ROUNDS = 8, 400, 5
UPLOADS, UPLOAD_MB = 100, 100
#: Asked of us: at least, and aimed at.
OF_GRPC = (0.8, 1.0)
TRACED_MODE: Mode = "hybrid"
#: MiB that the part may grow by over all uploads.
GROWTH_MIB = 16.0


def run(*, rows: int = ROWS, uploads: int = UPLOADS, upload_mb: int = UPLOAD_MB) -> BenchResult:
    """Measure on its own servers: ``rows`` rows of 384 dimensions, ``uploads`` files of ``upload_mb`` MB."""
    figures: list[Figure] = []
    with own_folder() as folder, _servers(folder) as servers:
        queries = _filled(servers, folder, rows)
        with ExitStack() as stack:
            http, gateway = (stack.enter_context(own_part(name, folder, servers)) for name in ("http", "gateway"))
            for mode in MODES:
                figures += _searches(mode, http, gateway, queries)
            receiver = stack.enter_context(own_process(run_receiver))
            traces = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{receiver.address}"}
            figures += _traced(http, stack.enter_context(own_part("http", folder, servers, traces)), queries)
        source = folder / "source.jsonl"
        write_source(source, upload_mb)
        with own_part("http", folder, servers) as http:  # a new one: its memory is that of uploads alone
            figures += _upload_figures(measure_uploads(http, source, uploads=uploads), upload_mb, uploads)
    return BenchResult("http", figures)


@contextmanager
def _servers(folder: Path) -> Iterator[EmbeddedServers]:
    servers = start_servers(folder / "home")
    try:
        yield servers
    finally:
        servers.stop()


def _filled(servers: EmbeddedServers, folder: Path, rows: int) -> list[str]:
    """Fill the domain and return queries that find something in it."""
    database = Database(servers.database_url, application="bench")
    migrate(database, read_migrations(MIGRATIONS))
    settings = Settings(
        home=folder / "home",
        database_url=SecretStr(servers.database_url),
        redis_url=SecretStr(servers.redis_url),
        data_roots=(folder.resolve(),),
    )
    services = wiring.make_services(settings, application="bench")
    seed_domains(services)
    services.database.close()
    collection = Collection()
    fill(database, collection, rows)
    database.close()
    return collection.queries(QUERIES)


def _searches(mode: Mode, http: BenchPart, gateway: BenchPart, queries: list[str]) -> list[Figure]:
    ours, theirs = SearchTimes(), SearchTimes()
    for round_no in range(ROUNDS + 1):
        if round_no == 1:  # the first one only fills what both parts keep
            ours, theirs = SearchTimes(), SearchTimes()
        measure_round(ours, http, partial(by_http, http.address, mode), queries, clients=CLIENTS)
        measure_round(theirs, gateway, partial(by_grpc, gateway.address, mode), queries, clients=CLIENTS)
    rate, their_rate = median(ours.rates), median(theirs.rates)
    cpu, their_cpu = median(ours.cpu_us), median(theirs.cpu_us)
    p99, their_p99 = ours.p99_ms(), theirs.p99_ms()
    label = f"{mode}, {CLIENTS} clients, HTTP ÷ gRPC"
    return [
        Figure(label, rate, their_rate, rate / their_rate, *OF_GRPC, "requests/s"),
        Figure(f"{label}, P99", p99, their_p99, their_p99 / p99, OF_GRPC[0], None, "ms, less is better"),
        Figure(f"{label}, processor time of the part", cpu, their_cpu, their_cpu / cpu, None, None, "µs a request"),
    ]


def _traced(plain: BenchPart, traced: BenchPart, queries: list[str]) -> list[Figure]:
    """Return what traces of every request cost, each sent to a receiver, in turn with a part that sends none."""
    without, with_traces = SearchTimes(), SearchTimes()
    for round_no in range(ROUNDS + 1):
        if round_no == 1:
            without, with_traces = SearchTimes(), SearchTimes()
        for measured, part in ((without, plain), (with_traces, traced)):
            measure_round(measured, part, partial(by_http, part.address, TRACED_MODE), queries, clients=CLIENTS)
    figures = []
    for what, ours, base in (
        ("part", median(with_traces.cpu_us), median(without.cpu_us)),
        ("part and PostgreSQL", median(with_traces.line_us), median(without.line_us)),
    ):
        label = f"{TRACED_MODE} with traces, processor time of the {what}"
        figures.append(Figure(label, ours, base, base / ours, None, None, "µs a request"))
    return figures


def _upload_figures(cost: UploadCost, megabytes: int, uploads: int) -> list[Figure]:
    rate, copied = megabytes / cost.upload_s, megabytes / cost.copy_s
    cpu_ms, room = 1000 * cost.cpu_s / megabytes, GROWTH_MIB / max(cost.grown_mib, 0.1)
    label = f"upload of {megabytes} MB"
    return [
        Figure(f"{label} ÷ cp", rate, copied, rate / copied, None, None, "MB/s"),
        Figure(f"{label}, processor time of the part", cpu_ms, 0, 0, None, None, "ms an MB"),
        Figure(f"memory after {uploads} uploads, growth", cost.grown_mib, GROWTH_MIB, room, 1.0, None, "MiB"),
    ]
