"""Memory and ingest while a Java client has stopped reading, then the client reads on: a table and a picture.

``python -m pc_worker.bench.gateway.backpressure FOLDER [ROWS]`` writes ``backpressure.csv``, ``backpressure.png`` and
``backpressure.json``. ROWS (default 200,000) are ingested while two clients do not read, one on each kind of
stream. Afterwards the rate of ingest is measured file by file, in turn with and without such clients.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import pandas as pd

from pc_worker.bench.gateway.backpressure_picture import PARTS, MemorySample, draw, write_table
from pc_worker.bench.gateway.crowd import memory_mib
from pc_worker.bench.gateway.java_reader import JavaReader, built_client, java_reader, why_no_java
from pc_worker.bench.own_stack import OwnStack, own_stack
from pc_worker.bench.processor import processor

ROWS = 200_000
FILE_ROWS = 20_000
#: Files with and without clients that do not read, in turn.
PAIRS = 5
PAIR_ROWS = 40_000
#: Each distinct text is embedded once, so that it is not the encoder that is measured.
TEXTS = 500
#: What a client has read when it stops: some chunks, so that all is under way.
READ_FIRST = 1_000
SAMPLE_S = 0.5
DOMAIN = "document"


@dataclass(frozen=True, slots=True)
class BackpressureResult:
    """The results; memory in MiB, rates in rows/s.

    Attributes:
        stalled_s: Seconds in which the clients did not read.
        gateway_growth: The gateway's peak memory during the stall minus its memory at the start of the stall.
        read_rows: Rows that the client of the acknowledged stream read in total, in order.
        read_s: Seconds that it took to read the missed rows.
        ingest_alone: Rates of files ingested without clients.
        ingest_beside: Rates of files ingested while two clients do not read.
        ingest_ratio: Median with clients ÷ median without.
    """

    rows: int
    stalled_s: float
    gateway_growth: float
    workers_growth: float
    redis_growth: float
    read_rows: int
    read_s: float
    ingest_alone: list[float]
    ingest_beside: list[float]
    ingest_ratio: float


class Watcher:
    """Samples memory during the work."""

    def __init__(self, stack: OwnStack) -> None:
        self.samples: list[MemorySample] = []
        self.phase = "before"
        self._stack, self._began, self._done = stack, time.monotonic(), threading.Event()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Sample until the block ends."""
        thread = threading.Thread(target=self._watch)
        thread.start()
        try:
            yield
        finally:
            self._done.set()
            thread.join()

    def of(self, phase: str) -> list[MemorySample]:
        """Return a phase's samples."""
        return [sample for sample in self.samples if sample.phase == phase]

    def _watch(self) -> None:
        while not self._done.wait(SAMPLE_S):
            pids = self._stack.addresses.pids
            # Not the child that Redis has while it rewrites its file: it shares all its memory.
            families = (self._stack.family("gateway"), self._stack.family("worker"), [pids["redis"]])
            memory = (sum(memory_mib(pid, "VmRSS") for pid in family) for family in families)
            self.samples.append(MemorySample(time.monotonic() - self._began, self.phase, *memory))


class BenchSources:
    """Files of documents, none of them twice."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._number = folder, 0

    def next(self, rows: int) -> Path:
        """Write another file."""
        self._number += 1
        path = self._folder / f"source-{self._number}.pkl"
        numbers = range(rows)
        texts = [f"Document {number % TEXTS} of a long series." for number in numbers]
        pd.DataFrame({"id": list(numbers), "text": texts, "file": self._number}).to_pickle(path)
        return path


def main() -> None:
    """Measure, then write the table, the picture and the figures."""
    folder, rows = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else ROWS
    why = why_no_java()
    if why is not None:
        sys.exit(f"error: the Java client cannot be built: {why}")
    folder.mkdir(parents=True, exist_ok=True)
    with own_stack() as stack, built_client() as classpath:
        watcher = Watcher(stack)
        with watcher.watching():
            outcome = measure(stack, watcher, classpath, rows)
    write_table(watcher.samples, folder / "backpressure.csv")
    draw(watcher.samples, folder / "backpressure.png")
    figures = {"processor": processor(), **asdict(outcome)}
    (folder / "backpressure.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    print(figures, file=sys.stderr)  # noqa: T201 - the figures, for the caller


def measure(stack: OwnStack, watcher: Watcher, classpath: str, rows: int) -> BackpressureResult:
    """Go through the phases."""
    sources, files = BenchSources(stack.folder), max(1, rows // FILE_ROWS)
    _ingest(stack, sources.next(FILE_ROWS))  # the model is loaded, every text embedded
    with _standing_still(stack, classpath) as clients:
        watcher.phase, began = "stalled", time.monotonic()
        for _ in range(files):
            _ingest(stack, sources.next(FILE_ROWS))
        stalled_s = time.monotonic() - began
        watcher.phase = "reading"
        read_rows, read_s = _read_on(clients, FILE_ROWS, (1 + files) * FILE_ROWS)
    watcher.phase = "in turn"
    alone, beside = [], []
    for _ in range(PAIRS):
        alone.append(_ingest(stack, sources.next(PAIR_ROWS)))
        with _standing_still(stack, classpath):
            beside.append(_ingest(stack, sources.next(PAIR_ROWS)))
    growth = {part: _growth(watcher.of("stalled"), part) for part in PARTS}
    return BackpressureResult(
        rows=files * FILE_ROWS,
        stalled_s=stalled_s,
        gateway_growth=growth["gateway"],
        workers_growth=growth["workers"],
        redis_growth=growth["redis"],
        read_rows=read_rows,
        read_s=read_s,
        ingest_alone=alone,
        ingest_beside=beside,
        ingest_ratio=median(beside) / median(alone),
    )


def _growth(samples: list[MemorySample], part: str) -> float:
    memory = [float(getattr(sample, part)) for sample in samples]
    return max(memory) - memory[0]


def _ingest(stack: OwnStack, source: Path) -> float:
    return stack.ingest(source, "--domain", DOMAIN, "--id-column", "id", "--text-column", "text")


@contextmanager
def _standing_still(stack: OwnStack, classpath: str) -> Iterator[dict[str, JavaReader]]:
    """Hold a client on each kind of stream that has begun to read from the log's start and has stopped."""
    with ExitStack() as held:
        clients = {kind: held.enter_context(java_reader(classpath)) for kind in ("stream", "consume")}
        for kind, client in clients.items():
            client.open(kind, stack.addresses.gateway, DOMAIN)
            client.read(READ_FIRST)
        yield clients


def _read_on(stalled: dict[str, JavaReader], at_open: int, now: int) -> tuple[int, float]:
    """Read the rest: the plain stream what was there when it was opened, the acknowledged one what is there now."""
    plain = stalled["stream"].read(now)
    if READ_FIRST + plain.entries != at_open:
        raise RuntimeError(f"the plain stream gave {READ_FIRST + plain.entries} rows instead of {at_open}")
    acknowledged = stalled["consume"].read(now - READ_FIRST)
    if acknowledged.position != now:
        raise RuntimeError(f"the acknowledged stream ended at {acknowledged.position} instead of {now}")
    return READ_FIRST + acknowledged.entries, acknowledged.seconds


if __name__ == "__main__":
    main()
