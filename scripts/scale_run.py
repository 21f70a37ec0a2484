"""Measure a large domain from end to end: ``python -m scripts.scale_run --rows 3000000 --partition 16 --plot OUT.png``.

Starts its own stack, ingests rows of 384-dimensional ready vectors file by file (each is written before it is ingested
and deleted after it), then builds the vector index, searches, streams everything, and with ``--partition`` partitions
the domain and searches again; one more file is ingested before and after it is partitioned. ``--index-parts-only``
leaves out the index and the searches before, so that these two files are written without it. Every figure is also
written to ``--out`` as soon as it is known. Needs about 5 kB of disk for a row, twice that while it partitions. Run
nothing else meanwhile: rates and latencies depend on it.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import click
import grpc
import numpy as np
import psutil

from pc_worker.bench.own_folder import own_folder
from pc_worker.bench.processor import processor
from pc_worker.bench.search.collection import TOPICS
from pc_worker.services.search.request import Mode, SearchRequest
from pc_worker.services.search.search import search
from pc_worker.store.db.connection import Database
from pc_worker.store.ledger.pipeline_state import table_sizes
from pc_worker.store.search.filters.where import parse_where
from pc_worker.wire.generated import embedding_stream_pb2 as wire
from pc_worker.wire.generated.embedding_stream_pb2_grpc import EmbeddingStreamServiceStub
from scripts.scale_rows import Notes, declare, encoder_of
from tests.support.stack import LiveStack

DOMAIN = "note"
FILE_ROWS = 250_000
QUERIES = 200
MODES: tuple[Mode, ...] = ("vector", "text", "hybrid")
PARTS = ("worker", "gateway", "postgres", "redis")
DAY = "86400"


@dataclass(slots=True)
class Report:
    """The figures so far, written to ``path`` whenever one is added."""

    path: Path
    figures: dict[str, Any] = field(default_factory=dict)
    rates: list[tuple[int, float]] = field(default_factory=list)
    latencies: dict[str, dict[str, tuple[float, float]]] = field(default_factory=dict)

    def add(self, name: str, value: object, unit: str = "") -> None:
        """Record and print a figure."""
        self.figures[name] = value
        click.echo(f"{name:<48} {value:,.1f} {unit}" if isinstance(value, float) else f"{name:<48} {value} {unit}")
        self.save()

    def save(self) -> None:
        """Write everything."""
        whole = {"processor": processor(), "load": psutil.getloadavg()[0], **self.figures}
        whole |= {"ingest_rates": self.rates, "search_ms": self.latencies}
        self.path.write_text(json.dumps(whole, indent=1), encoding="utf-8")


@contextmanager
def timed(report: Report, name: str) -> Iterator[None]:
    """Record the seconds of the block."""
    began = time.monotonic()
    yield
    report.add(name, time.monotonic() - began, "s")


@contextmanager
def memory(report: Report, stack: LiveStack, step: str) -> Iterator[None]:
    """Record the most memory that each part has during the block: of shared pages, each process counts its share."""
    most, ended = dict.fromkeys(PARTS, 0), threading.Event()

    def sample() -> None:
        while not ended.wait(3.0):
            for part in PARTS:
                most[part] = max(most[part], memory_of(stack, part))

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        report.add(f"memory {step}", {part: f"{size / 2**20:,.0f} MB" for part, size in most.items()})


def memory_of(stack: LiveStack, part: str) -> int:
    """Return the bytes of a part's processes; 0 for one that is not running."""
    total = 0
    for process in stack.family(part) if part in stack.addresses.pids else ():
        try:
            total += process.memory_full_info().pss
        except psutil.Error:  # it has ended
            continue
    return total


def ingest(report: Report, stack: LiveStack, notes: Notes, folder: Path, *, rows: int, file_rows: int) -> None:
    """Ingest file by file and record the rate of each, from its job's own start and end."""
    spent = 0.0
    for start in range(0, rows, file_rows):
        count = min(file_rows, rows - start)
        seconds = ingest_file(stack, notes, folder, count)
        spent += seconds
        report.rates.append((start + count, count / seconds))
        click.echo(f"  {start + count:>10,} rows  {count / seconds:8,.0f} rows/s")
        report.save()
    report.add("ingest", rows / spent, "rows/s")


def ingest_file(stack: LiveStack, notes: Notes, folder: Path, rows: int) -> float:
    """Ingest a new file of ``rows`` rows and return the seconds from its job's start to its end.

    Raises:
        ClickException: If not all rows were written.
    """
    path = folder / "rows.parquet"
    notes.write(path, rows)
    status = stack.run("ingest", str(path), "--domain", DOMAIN, "--wait", "--json", timeout_s=7200).json()
    path.unlink()
    if status["rows_written"] != rows:
        raise click.ClickException(f"not all rows were written: {status}")
    began, ended = (datetime.fromisoformat(status[name]) for name in ("started_at", "finished_at"))
    return (ended - began).total_seconds()


def ingest_more(report: Report, stack: LiveStack, notes: Notes, folder: Path, step: str) -> None:
    """Record the rate of one more file of a tenth of the rows, with the indexes that exist."""
    rows = min(FILE_ROWS, report.figures["rows"] // 10)
    report.add(f"one more file of {rows:,} rows, {step}", rows / ingest_file(stack, notes, folder, rows), "rows/s")


def sizes(report: Report, stack: LiveStack, step: str) -> None:
    """Record the disk of the tables with their indexes."""
    database = Database(stack.addresses.database_url, application="scale_run")
    with database.transaction() as cursor:
        found = {name: size for name, size, _ in table_sizes(cursor)}
        cursor.execute("SELECT pg_database_size(current_database())")
        found["database"] = (cursor.fetchone() or (0,))[0]
    database.close()
    report.add(f"disk {step}", {name: f"{size / 2**20:,.0f} MB" for name, size in found.items()})


def searches(report: Report, stack: LiveStack, notes: Notes, step: str) -> None:
    """Record P50 and P99 of each mode at 1 and 8 at once; every second query is filtered to a tenth."""
    report.latencies[step] = {}
    for mode in MODES:
        for clients in (1, 8):
            times = latencies(stack.addresses.database_url, notes, mode, clients)
            p50, p99 = (float(np.percentile(times, share)) for share in (50, 99))
            report.latencies[step][f"{mode}, {clients} at once"] = (p50, p99)
            click.echo(f"  {step}: {mode}, {clients} at once: P50 {p50:.1f} ms, P99 {p99:.1f} ms")
            report.save()


def latencies(url: str, notes: Notes, mode: Mode, clients: int) -> list[float]:
    """Return the milliseconds of each search; the first of each connection does not count."""
    local = threading.local()

    def ask(number: int, query: str) -> float:
        where = parse_where([f"topic=t{number % TOPICS}"] if number % 2 else [])
        request = SearchRequest(query=query, domain=DOMAIN, mode=mode, where=where)
        if not hasattr(local, "database"):
            local.database = Database(url, application="scale_run", read_only=True)
            search(local.database, request, encoder=lambda model: encoder_of(notes, model))
        began = time.perf_counter()
        search(local.database, request, encoder=lambda model: encoder_of(notes, model))
        return (time.perf_counter() - began) * 1000

    with ThreadPoolExecutor(clients) as pool:
        return list(pool.map(ask, range(QUERIES), notes.queries(QUERIES)))


def stream(report: Report, stack: LiveStack, step: str) -> None:
    """Read the whole domain through the gateway."""
    began, rows, size = time.monotonic(), 0, 0
    with grpc.insecure_channel(stack.addresses.gateway) as channel:
        request = wire.StreamEmbeddingRequest(domain=DOMAIN, chunk_size=1000)
        for chunk in EmbeddingStreamServiceStub(channel).StreamEmbedding(request):
            rows, size = rows + len(chunk.row_ids), size + chunk.ByteSize()
    seconds = time.monotonic() - began
    report.add(f"stream {step}", rows / seconds, "rows/s")
    report.add(f"streamed {step}", f"{rows:,} rows, {size / 2**20:,.0f} MB")


def index_state(report: Report, stack: LiveStack, step: str) -> None:
    """Record the vector index as `index status` shows it."""
    report.add(f"index {step}", " ".join(stack.run("index", "status", "--domain", DOMAIN).out.splitlines()[-1].split()))


def command(stack: LiveStack, *arguments: str) -> None:
    """Run a command that may take hours.

    Raises:
        ClickException: If it fails.
    """
    done = stack.run(*arguments, timeout_s=6 * 3600)
    click.echo(done.out.rstrip())
    if done.code:
        raise click.ClickException(done.err.strip())


def draw(report: Report, path: Path) -> None:
    """Draw the rate over the rows stored, and the latencies before and after the domain was partitioned."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.5), layout="constrained")
    rate, latency = figure.subplots(1, 2)
    rate.plot([rows / 1e6 for rows, _ in report.rates], [value for _, value in report.rates], marker="o")
    rate.set_xlabel("million rows stored")
    rate.set_ylabel("rows a second, ready vectors of 384 numbers")
    rate.set_ylim(0, 1.1 * max(value for _, value in report.rates))
    rate.locator_params(axis="x", nbins=6)
    names = [f"{mode}, {clients} at once" for mode in MODES for clients in (1, 8)]
    width = 0.8 / max(len(report.latencies), 1)
    for number, (step, found) in enumerate(report.latencies.items()):
        places = np.arange(len(names)) + number * width
        bars = latency.barh(places, [found[name][0] for name in names], width * 0.9, label=f"{step}: P50, to P99")
        for place, name in zip(places, names, strict=True):
            latency.plot(found[name], [place, place], color=bars[0].get_facecolor(), linewidth=1.5)
    latency.set_yticks(np.arange(len(names)) + width / 2, names)
    latency.set_xlabel("milliseconds")
    latency.set_xscale("log")
    for axes in (rate, latency):
        axes.grid(visible=True, alpha=0.3)
    latency.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    figure.savefig(path, format="png", dpi=120)


@click.command()
@click.option("--rows", default=3_000_000, show_default=True, help="Rows in all.")
@click.option("--file-rows", default=FILE_ROWS, show_default=True, help="Rows of each source file; 1.6 kB each.")
@click.option("--partition", type=int, metavar="PARTS", help="Then partition the domain and search again.")
@click.option("--index-parts-only", is_flag=True, help="No index and no searches before the domain is partitioned.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("scale_run.json"), show_default=True)
@click.option("--plot", type=click.Path(path_type=Path), help="Draw a picture (needs matplotlib).")
def main(
    rows: int, file_rows: int, partition: int | None, index_parts_only: bool, out: Path, plot: Path | None
) -> None:
    """Measure and report."""
    report, notes = Report(out), Notes()
    report.add("rows", rows)
    with own_folder() as folder:
        declare(folder)
        # No maintenance at a time of its own: each step is measured alone.
        quiet = dict.fromkeys(("PC_WORKER_MAINTAIN_INDEXES_S", "PC_WORKER_CHECK_RECALL_S", "PC_WORKER_PURGE_S"), DAY)
        stack = LiveStack(folder / "home", {"PC_WORKER_DATA_ROOTS": str(folder), **quiet}, on_disk=True)
        stack.start()
        try:
            with memory(report, stack, "ingest"):
                ingest(report, stack, notes, folder, rows=rows, file_rows=file_rows)
            if not index_parts_only:
                one_table(report, stack, notes)
            if partition is not None:
                partitioned(report, stack, notes, folder, parts=partition)
        finally:
            if plot is not None and report.rates:
                draw(report, plot)
            stack.stop()


def one_table(report: Report, stack: LiveStack, notes: Notes) -> None:
    """Stream, index and search the domain as it was ingested."""
    sizes(report, stack, "after the ingest")
    stream(report, stack, "one table")
    with memory(report, stack, "index build"), timed(report, "index build with tuning"):
        command(stack, "index", "build", "--domain", DOMAIN)
    index_state(report, stack, "one table")
    with memory(report, stack, "search"):
        searches(report, stack, notes, "one table")


def partitioned(report: Report, stack: LiveStack, notes: Notes, folder: Path, *, parts: int) -> None:
    """Partition the domain, then search and stream it again; write to it before and after."""
    ingest_more(report, stack, notes, folder, "one table")
    with memory(report, stack, "partition"), timed(report, "partition with indexes and tuning"):
        command(stack, "migrate", "--partition", DOMAIN, "--parts", str(parts))
    ingest_more(report, stack, notes, folder, f"{parts} parts")
    if not report.latencies:
        with memory(report, stack, "index build"), timed(report, "index build with tuning"):
            command(stack, "index", "build", "--domain", DOMAIN)
    sizes(report, stack, "partitioned")
    index_state(report, stack, f"{parts} parts")
    searches(report, stack, notes, f"{parts} parts")
    stream(report, stack, f"{parts} parts")


if __name__ == "__main__":
    main()
