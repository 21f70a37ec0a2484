"""How the reader's time grows with the columns of a table: a table and a picture, by one command.

Each point is the best of two openings of a file of 20 rows with an empty spool, each with the reading of all its rows
as one chunk, in a fresh process; in processor seconds, which other work on the machine does not change.
``python -m pc_worker.bench.reader.width FOLDER`` writes ``reader-width.csv`` and ``reader-width.png``.
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from pc_worker.bench.processor import processor
from pc_worker.bench.reader.formats import KINDS

_FORMATS = ("pickle", "parquet", "csv", "json lines")
_STEPS = (100, 500, 1000, 2000, 5000, 10_000, 20_000)
_ROWS = 20
_REPEATS = 2


def main() -> None:
    """Measure each width, then write the table and the picture; with ``--one PATH`` one measurement."""
    if sys.argv[1:2] == ["--one"]:
        sys.stdout.write(json.dumps(_seconds(Path(sys.argv[2]))))
        return
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    sys.stdout.write(f"{processor()}\n")
    rows = [{"columns": float(width)} | _measured(width) for width in _STEPS]
    _write_table(rows, folder / "reader-width.csv")
    _draw(rows, folder / "reader-width.png")


def _seconds(path: Path) -> float:
    import pyarrow  # noqa: F401 - what is measured is the reading, not the loading of libraries

    from pc_worker.reader import open_table

    began = time.process_time()
    with tempfile.TemporaryDirectory(prefix="pcw-spool-") as spool, open_table(path, spool=Path(spool)) as table:
        table.read(0, _ROWS)
        return time.process_time() - began


def _measured(width: int) -> dict[str, float]:
    import numpy as np
    import pandas as pd

    frame = pd.DataFrame(np.random.default_rng(0).random((_ROWS, width)), columns=[f"c{n}" for n in range(width)])
    found = {}
    with tempfile.TemporaryDirectory(prefix="pcw-bench-") as made:
        for name in _FORMATS:
            path = Path(made) / "table.csv"  # detected by content, not by this name
            KINDS[name].write(frame, path)
            command = [sys.executable, "-m", "pc_worker.bench.reader.width", "--one", str(path)]
            runs = [subprocess.run(command, check=True, capture_output=True).stdout for _ in range(_REPEATS)]
            found[name] = min(map(json.loads, runs))
    print(width, found, file=sys.stderr)  # noqa: T201 - minutes pass meanwhile
    return found


def _write_table(rows: list[dict[str, float]], path: Path) -> None:
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["columns", *(f"{name}_s" for name in _FORMATS)])
        table.writerows([int(row["columns"]), *(f"{row[name]:.3f}" for name in _FORMATS)] for row in rows)


def _draw(rows: list[dict[str, float]], path: Path) -> None:
    import matplotlib as mpl  # only this picture needs it

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure: Any
    figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
    for name, style in zip(_FORMATS, ("o-", "s-", "^-", "d-"), strict=True):
        axes.plot([row["columns"] for row in rows], [row[name] for row in rows], style, label=name)
    axes.set(
        xlabel="columns", ylabel=f"processor seconds to open and read {_ROWS} rows", xlim=(0, None), ylim=(0, None)
    )
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.set_title(f"Tables of {_ROWS} rows of numbers, {processor()[:60]}", fontsize=10)
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
