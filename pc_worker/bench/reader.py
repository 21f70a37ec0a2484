"""``bench reader``: a full pass by chunks over untrusted pickles, against ``pandas.read_pickle`` and slicing.

Times are ours ÷ pandas, so lower is better; so is memory, in MiB of growth over an idle process.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from pc_worker.bench import BenchResult, Figure
from pc_worker.bench.reader_files import CANDIDATE_ROWS, RECRUIT_ROWS
from pc_worker.bench.reader_probe import Cost

REPEATS = 3
MEMORY_MUST_MIB = 64.0


def run() -> BenchResult:
    """Measure a 400 MB and a 2.6 GB file; the best of three, alternating, each in a fresh process."""
    with tempfile.TemporaryDirectory(prefix="pcw-bench-") as name:
        folder = Path(name)
        small = made("recruit", RECRUIT_ROWS, folder)
        ours, theirs = compared(small, REPEATS)
        small.unlink()
        large = made("candidate", CANDIDATE_ROWS, folder)
        size = large.stat().st_size / 1e9
        ours_large, theirs_large = compared(large, 1)
    return BenchResult(
        "reader", [*_figures(ours, theirs, "400 MB"), *_figures(ours_large, theirs_large, f"{size:.1f} GB")]
    )


def made(kind: str, rows: int, folder: Path) -> Path:
    """A file of ``rows`` rows, written by a process of its own."""
    path = folder / f"{kind}-{rows}.pkl"
    subprocess.run([sys.executable, "-m", "pc_worker.bench.reader_files", kind, str(rows), str(path)], check=True)
    return path


def compared(path: Path, repeats: int) -> tuple[Cost, Cost]:
    """The best costs of both readers; every repeat of ours makes its index anew."""
    ours, theirs = [], []
    for _ in range(repeats):
        theirs.append(probed("pandas", path))
        ours.append(probed("ours", path))
    return _best(ours), _best(theirs)


def probed(reader: str, path: Path) -> Cost:
    """What one reading costs in a fresh process with an empty spool."""
    with tempfile.TemporaryDirectory(prefix="pcw-spool-") as spool:
        command = [sys.executable, "-m", "pc_worker.bench.reader_probe", reader, str(path), spool]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
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
        Figure(f"{what}: full pass ÷ read_pickle + slicing", ours.total_s, theirs.total_s, total, 1.5, 1.0, "s"),
        Figure(f"{what}: the same in processor seconds, both threads", ours.cpu_s, theirs.cpu_s, cpu, None, None, "s"),
        Figure(f"{what}: first chunk ÷ read_pickle + slicing", ours.first_s, theirs.total_s, first, 0.7, None, "s"),
        Figure(f"{what}: growth of memory", ours.grown_mib, theirs.grown_mib, memory, MEMORY_MUST_MIB, None, "MiB"),
    ]
