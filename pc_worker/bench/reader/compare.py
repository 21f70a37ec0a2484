"""``bench reader``: a full pass by chunks over untrusted pickles, against ``pandas.read_pickle`` and slicing.

Times are ours ÷ pandas, so lower is better; so is memory, in MiB of growth over an idle process. Where the processor
has SHA extensions, all is measured with and without them: a file is hashed while it is read.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from pc_worker.bench import BenchResult, Figure
from pc_worker.bench.processor import extensions
from pc_worker.bench.reader.files import CANDIDATE_ROWS, RECRUIT_ROWS
from pc_worker.bench.reader.probe import Cost

REPEATS = 3
MEMORY_MUST_MIB = 64.0
#: Switches the SHA extensions off in OpenSSL, which Python's hashlib calls.
_NO_SHA = {"OPENSSL_ia32cap": ":~0x20000000"}


def run() -> BenchResult:
    """Measure a 400 MB and a 2.9 GB file; the best of three, alternating, each in a fresh process."""
    figures: list[Figure] = []
    for kind, rows in (("recruit", RECRUIT_ROWS), ("candidate", CANDIDATE_ROWS)):
        with tempfile.TemporaryDirectory(prefix="pcw-bench-") as name:
            figures += _measured(made(kind, rows, Path(name)))
    return BenchResult("reader", figures)


def _measured(path: Path) -> Iterator[Figure]:
    size = path.stat().st_size / 1e9
    what = f"{size:.1f} GB" if size > 1 else f"{size * 1000:.0f} MB"
    yield from _figures(*compared(path, REPEATS), what)
    if "sha_ni" in extensions():
        yield from _figures(*compared(path, REPEATS, _NO_SHA), f"{what} without SHA extensions")


def made(kind: str, rows: int, folder: Path) -> Path:
    """Return a file of ``rows`` rows, written by another process."""
    path = folder / f"{kind}-{rows}.pkl"
    subprocess.run([sys.executable, "-m", "pc_worker.bench.reader.files", kind, str(rows), str(path)], check=True)
    return path


def compared(path: Path, repeats: int, env: Mapping[str, str] | None = None) -> tuple[Cost, Cost]:
    """Return the best costs of both readers; every repeat of ours creates its index again."""
    ours, theirs = [], []
    for _ in range(repeats):
        theirs.append(probed("pandas", path, env))
        ours.append(probed("ours", path, env))
    return _best(ours), _best(theirs)


def probed(reader: str, path: Path, env: Mapping[str, str] | None = None) -> Cost:
    """Return what one reading costs in a fresh process with an empty spool; ``env`` adds to its environment."""
    with tempfile.TemporaryDirectory(prefix="pcw-spool-") as spool:
        command = [sys.executable, "-m", "pc_worker.bench.reader.probe", reader, str(path), spool]
        done = subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, **(env or {})})
    return Cost(**json.loads(done.stdout))


def _best(costs: list[Cost]) -> Cost:
    return Cost(
        min(cost.first_s for cost in costs),
        min(cost.total_s for cost in costs),
        min(cost.cpu_s for cost in costs),
        max(cost.grown_mib for cost in costs),
        costs[0].rows,
    )


def _figures(ours: Cost, theirs: Cost, what: str) -> list[Figure]:
    total, first = ours.total_s / theirs.total_s, ours.first_s / theirs.total_s
    memory, cpu = ours.grown_mib / theirs.grown_mib, ours.cpu_s / theirs.cpu_s
    return [
        Figure(f"{what}: full pass ÷ read_pickle + slicing", ours.total_s, theirs.total_s, total, 1.3, 1.0, "s"),
        Figure(f"{what}: the same in processor seconds", ours.cpu_s, theirs.cpu_s, cpu, None, None, "s"),
        Figure(f"{what}: first chunk ÷ read_pickle + slicing", ours.first_s, theirs.total_s, first, 0.7, 0.5, "s"),
        Figure(f"{what}: growth of memory", ours.grown_mib, theirs.grown_mib, memory, MEMORY_MUST_MIB, None, "MiB"),
    ]
