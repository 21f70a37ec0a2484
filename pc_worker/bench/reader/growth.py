"""How the reader's time and memory grow with the file, against pandas: a table and a picture, by one command.

Each point is the best of three readings by each, in turn, every one in a fresh process.
``python -m pc_worker.bench.reader.growth FOLDER`` writes ``reader-growth.csv`` and ``reader-growth.png``.
"""

from __future__ import annotations

import csv
import sys
import tempfile
from pathlib import Path
from typing import Any

from pc_worker.bench.processor import processor
from pc_worker.bench.reader.compare import REPEATS, compared, made
from pc_worker.bench.reader.files import CANDIDATE_ROWS
from pc_worker.bench.reader.probe import Cost

#: Rows at which the file has about 0.1, 0.3, 0.65, 1.3 and 2.6 GB.
STEPS = tuple(CANDIDATE_ROWS * part // 104 for part in (4, 12, 26, 52, 104))
Row = tuple[float, Cost, Cost]


def main() -> None:
    """Measure each size, then write the table and the picture."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    sys.stdout.write(f"{processor()}\n")
    rows = [_measured(count) for count in STEPS]
    _write_table(rows, folder / "reader-growth.csv")
    _draw(rows, folder / "reader-growth.png")


def _measured(count: int) -> Row:
    with tempfile.TemporaryDirectory(prefix="pcw-bench-") as name:
        path = made("candidate", count, Path(name))
        row = path.stat().st_size / 1e9, *compared(path, REPEATS)
    print(f"{row[0]:.2f} GB: ours {row[1]}, pandas {row[2]}", file=sys.stderr)  # noqa: T201 - minutes pass meanwhile
    return row


def _write_table(rows: list[Row], path: Path) -> None:
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        kinds = ("s", "first_chunk_s", "cpu_s", "grown_mib")
        table.writerow(["file_gb", *(f"{whose}_{kind}" for whose in ("ours", "pandas") for kind in kinds)])
        for size, *costs in rows:
            values = (value for cost in costs for value in (cost.total_s, cost.first_s, cost.cpu_s, cost.grown_mib))
            table.writerow([f"{value:.3f}" for value in (size, *values)])


def _draw(rows: list[Row], path: Path) -> None:
    import matplotlib as mpl  # only this picture needs it

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure: Any
    figure, (times, memory) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    sizes = [size for size, _, _ in rows]
    times.plot(sizes, [ours.total_s for _, ours, _ in rows], "o-", label="ours, all chunks")
    times.plot(sizes, [ours.first_s for _, ours, _ in rows], "o:", label="ours, first chunk")
    times.plot(sizes, [theirs.total_s for _, _, theirs in rows], "s--", label="pandas.read_pickle + slicing")
    memory.plot(sizes, [ours.grown_mib for _, ours, _ in rows], "o-", label="ours")
    memory.plot(sizes, [theirs.grown_mib for _, _, theirs in rows], "s--", label="pandas.read_pickle + slicing")
    memory.axhline(64, color="grey", linewidth=0.8, label="64 MiB")
    memory.set_yscale("log")
    for axes, unit in ((times, "seconds"), (memory, "growth of anonymous memory, MiB")):
        axes.set(xlabel="file, GB", ylabel=unit)
        axes.legend()
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
