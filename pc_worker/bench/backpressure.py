"""Memory and ingest while a Java client has stopped reading, then the client reads on: a table and a picture.

``python -m pc_worker.bench.backpressure FOLDER [ROWS]`` writes ``backpressure.csv``, ``backpressure.png`` and
``backpressure.json``. ROWS, 200,000 unless given, are ingested while two clients stand still, one on each kind of
stream; a fifth as many before they come and after they have gone, for comparison.
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

from pc_worker.bench.backpressure_picture import Sample, draw, write_table
from pc_worker.bench.gateway_crowd import memory_mib
from pc_worker.bench.java_reader import JavaReader, built_client, java_reader, why_no_java
from pc_worker.bench.own_stack import OwnStack, own_stack

ROWS = 200_000
FILE_ROWS = 20_000
#: Each distinct text is embedded once, so that it is not the encoder that is measured.
TEXTS = 500
#: What a client has read when it stops: some chunks, so that all is under way.
READ_FIRST = 1_000
SAMPLE_S = 0.5
DOMAIN = "document"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it: rates are medians over files, in rows/s; memory is in MiB.

    Attributes:
        ingest_ratio: Rate beside the clients that stand still ÷ rate without them.
        stalled_s: How long they stood still.
        gateway_growth_mib: The gateway's memory at its most during the stall, less what it was when the stall began.
        read_rows: What the client of the acknowledged stream read in all, in order.
        read_s: How long it took for what it had missed.
    """

    rows: int
    alone_rate: float
    stalled_rate: float
    ingest_ratio: float
    stalled_s: float
    gateway_growth_mib: float
    workers_growth_mib: float
    redis_most_mib: float
    read_rows: int
    read_s: float


class Watcher:
    """Samples memory beside the work."""

    def __init__(self, stack: OwnStack) -> None:
        self.samples: list[Sample] = []
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

    def of(self, phase: str) -> list[Sample]:
        """Give a phase's samples."""
        return [sample for sample in self.samples if sample.phase == phase]

    def _watch(self) -> None:
        while not self._done.wait(SAMPLE_S):
            gateway, workers, redis = (self._memory(part) for part in ("gateway", "worker", "redis"))
            self.samples.append(Sample(time.monotonic() - self._began, self.phase, gateway, workers, redis))

    def _memory(self, part: str) -> float:
        return sum(memory_mib(pid, "VmRSS") for pid in self._stack.pids(part))


class Sources:
    """Files of documents, none of them twice."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._number = folder, 0

    def next(self) -> Path:
        """Write another file."""
        self._number += 1
        path = self._folder / f"source-{self._number}.pkl"
        numbers = range(FILE_ROWS)
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
    (folder / "backpressure.json").write_text(json.dumps(asdict(outcome), indent=1) + "\n", encoding="utf-8")
    print(outcome, file=sys.stderr)  # noqa: T201 - the figures, for whoever waited for them


def measure(stack: OwnStack, watcher: Watcher, classpath: str, rows: int) -> Outcome:
    """Go through the phases."""
    sources, files = Sources(stack.folder), max(1, rows // FILE_ROWS)
    around = max(1, files // 5)
    _ingest(stack, sources, 1)  # the model is loaded, every text embedded
    alone = _ingest(stack, sources, around)
    with ExitStack() as held:
        stalled = {kind: held.enter_context(java_reader(classpath)) for kind in ("stream", "consume")}
        for kind, client in stalled.items():
            client.open(kind, stack.addresses.gateway, DOMAIN)
            client.read(READ_FIRST)
        watcher.phase, began = "stalled", time.monotonic()
        beside = _ingest(stack, sources, files)
        stalled_s = time.monotonic() - began
        watcher.phase = "reading"
        at_open = (1 + around) * FILE_ROWS
        read_rows, read_s = _read_on(stalled, at_open, at_open + files * FILE_ROWS)
    watcher.phase = "after"
    alone += _ingest(stack, sources, around)
    during = watcher.of("stalled")
    return Outcome(
        rows=files * FILE_ROWS,
        alone_rate=median(alone),
        stalled_rate=median(beside),
        ingest_ratio=median(beside) / median(alone),
        stalled_s=stalled_s,
        gateway_growth_mib=max(sample.gateway for sample in during) - during[0].gateway,
        workers_growth_mib=max(sample.workers for sample in during) - during[0].workers,
        redis_most_mib=max(sample.redis for sample in during),
        read_rows=read_rows,
        read_s=read_s,
    )


def _ingest(stack: OwnStack, sources: Sources, files: int) -> list[float]:
    options = ("--domain", DOMAIN, "--id-column", "id", "--text-column", "text")
    return [stack.ingest(sources.next(), *options) for _ in range(files)]


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
