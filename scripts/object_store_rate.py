"""Read large files from an object store and from the local disk, in turn; print rates, memory and their ratios.

Usage: python -m scripts.object_store_rate [MEGABYTES …]. The store is a server of files on this machine
(scripts/range_server.py). Each reading is a fresh process with an empty spool: an index pass, then all chunks, as the
workers do it. "bytes" reads the content in order and nothing else: the most that this store allows. Best of three by
the clock.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from pc_worker.bench.processor import processor
from pc_worker.bench.reader.compare import made
from pc_worker.bench.reader.files import RECRUIT_ROWS
from pc_worker.bench.reader.probe import CHUNK, Cost, Peak
from pc_worker.object_urls import is_url, read_url
from pc_worker.reader import LocalFile, OpenFile, open_table
from scripts.range_server import running_range_server

MEGABYTES, FULL_MB = (100, 400), 400
REPEATS = 3
STEP = 1 << 20
BUCKET = "data"


def main(sizes: Sequence[int]) -> None:
    """Measure files of these sizes, in MB."""
    print(processor())
    print(f"{'':24}{'disk':>34}{'object store':>34}   ratio by clock, by processor")
    with tempfile.TemporaryDirectory(prefix="pcw-bench-") as name, running_range_server(Path(name)) as variables:
        for size in sizes:
            for path in _files(size, Path(name)):
                for what in ("table", "bytes"):
                    _report(f"{what}, {path.name}", what, path, f"s3://{BUCKET}/{path.name}", variables)
                path.unlink()


def _files(size: int, folder: Path) -> Iterator[Path]:
    import pandas as pd

    pickled = made("recruit", RECRUIT_ROWS * size // FULL_MB, folder)
    frame = pd.read_pickle(pickled)  # noqa: S301 - we wrote it ourselves
    lines, parquet = pickled.with_suffix(".jsonl"), pickled.with_suffix(".parquet")
    frame.to_json(lines, orient="records", lines=True, date_format="iso")
    frame.to_parquet(parquet, index=False)
    del frame
    yield from (pickled, lines, parquet)


def _report(label: str, what: str, path: Path, url: str, variables: Mapping[str, str]) -> None:
    megabytes = path.stat().st_size / 1e6
    costs: dict[str, list[Cost]] = {str(path): [], url: []}
    for _ in range(REPEATS):
        for place, found in costs.items():
            found.append(_measured(what, place, variables))
    disk, store = (min(found, key=lambda cost: cost.total_s) for found in costs.values())
    cells = [
        f"{megabytes / cost.total_s:6.0f} MB/s {cost.cpu_s:5.1f} s CPU {cost.grown_mib:4.0f} MiB"
        for cost in (disk, store)
    ]
    ratios = f"{disk.total_s / store.total_s:.2f}, {disk.cpu_s / store.cpu_s:.2f}"
    print(f"{label:24}{cells[0]:>34}{cells[1]:>34}   {ratios}", flush=True)


def _measured(what: str, place: str, variables: Mapping[str, str]) -> Cost:
    with tempfile.TemporaryDirectory(prefix="pcw-spool-") as spool:
        command = [sys.executable, "-m", "scripts.object_store_rate", what, place, spool]
        done = subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, **variables})
    return Cost(**json.loads(done.stdout))


def read(what: str, place: str, spool: Path) -> Cost:
    """Read a file in this process and return what that costs."""
    with _opened(place, spool):  # imports and connections are outside the clock
        pass
    gc.collect()
    peak, began, used = Peak(), time.perf_counter(), time.process_time()
    with _opened(place, spool) as file:
        rows, first = (_read_table if what == "table" else _read_bytes)(place, file, spool, began)
        total, cpu = time.perf_counter() - began, time.process_time() - used
        return Cost(first, total, cpu, peak.grown_mib(), rows)


@contextmanager
def _opened(place: str, spool: Path) -> Iterator[OpenFile]:
    import pc_worker.reader.formats.json_lines
    import pc_worker.reader.formats.parquet
    import pc_worker.reader.formats.pickle  # noqa: F401 - loaded here, not while the clock runs
    from pc_worker.object_store.file import open_object

    file: OpenFile = (
        open_object(read_url(place), spool) if is_url(place) else LocalFile(place, os.open(place, os.O_RDONLY))
    )
    try:
        yield file
    finally:
        file.close()


def _read_table(place: str, file: OpenFile, spool: Path, began: float) -> tuple[int, float]:
    with open_table(place, spool=spool, fd=file) as table:
        first = time.perf_counter() - began
        for start in range(0, table.rows, CHUNK):
            table.read(start, start + CHUNK)
        return table.rows, first


def _read_bytes(place: str, file: OpenFile, spool: Path, began: float) -> tuple[int, float]:
    del place, spool
    offset = 0
    while data := file.read(offset, STEP):
        offset += len(data)
    return 0, time.perf_counter() - began


if __name__ == "__main__":
    if sys.argv[1:2] in (["table"], ["bytes"]):
        print(json.dumps(asdict(read(sys.argv[1], sys.argv[2], Path(sys.argv[3])))))
    else:
        main([int(word) for word in sys.argv[1:]] or MEGABYTES)
