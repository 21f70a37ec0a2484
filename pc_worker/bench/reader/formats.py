"""Compare the reader with pandas, per format: ``python -m pc_worker.bench.reader.formats [MEGABYTES [FORMAT …]]``.

Each file is read whole by chunks in a fresh process with an empty spool, and by pandas; then it is cut at several
places, and each cut must be refused, or in formats of lines be a table without the cut rows. Times are the best of two,
on the clock and of all processors; memory is anonymous memory, without the pages of files.
"""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pc_worker.bench.processor import processor
from pc_worker.bench.reader.probe import Peak
from pc_worker.model import DEFAULT_CHUNK_ROWS

_CHUNK = DEFAULT_CHUNK_ROWS
_CUTS = 12
_REPEATS = 2
_WORDS = ("lorem", "ipsum", "dolor", "sit", "amet", "consectetur", "데이터", "엔지니어", "adipiscing", "elit")


@dataclass(frozen=True, slots=True)
class Kind:
    """A format: how pandas writes and reads it, and the bytes of a row, about; ``most_mb`` where writing is slow."""

    write: Callable[[Any, Path], None]
    read: Callable[[Path], Any]
    row_bytes: int
    most_mb: float = 1e9


def _write_feather(frame: Any, path: Path) -> None:
    frame.to_feather(path, compression="lz4")


def _write_orc(frame: Any, path: Path) -> None:
    frame.to_orc(path, index=False)


def _write_excel(frame: Any, path: Path) -> None:
    frame.to_excel(path, index=False, engine="openpyxl")


def _read(name: str, **options: Any) -> Callable[[Path], Any]:
    def read(path: Path) -> Any:
        import pandas as pd

        return getattr(pd, f"read_{name}")(path, **options)

    return read


KINDS = {
    "pickle": Kind(lambda frame, path: frame.to_pickle(path), _read("pickle"), 100),
    "parquet": Kind(lambda frame, path: frame.to_parquet(path, index=False), _read("parquet"), 30),
    "csv": Kind(lambda frame, path: frame.to_csv(path, index=False), _read("csv", dtype=str), 110),
    "csv, quoted": Kind(lambda frame, path: frame.to_csv(path, index=False, quoting=1), _read("csv", dtype=str), 120),
    "csv, cp949": Kind(
        lambda frame, path: frame.to_csv(path, index=False, encoding="cp949"),
        _read("csv", dtype=str, encoding="cp949"),
        110,
    ),
    "tsv, gzip": Kind(
        lambda frame, path: frame.to_csv(path, index=False, sep="\t", compression="gzip"),
        _read("csv", dtype=str, sep="\t", compression="gzip"),
        35,
    ),
    "json lines": Kind(
        lambda frame, path: frame.to_json(path, orient="records", lines=True, force_ascii=False),
        _read("json", lines=True),
        150,
    ),
    "json array": Kind(
        lambda frame, path: frame.to_json(path, orient="records", force_ascii=False), _read("json"), 150
    ),
    "feather": Kind(_write_feather, _read("feather"), 70),
    "orc": Kind(_write_orc, _read("orc"), 40),
    "excel": Kind(_write_excel, _read("excel"), 45, most_mb=4),
}


def frame(rows: int) -> Any:
    """Return a table of ``rows`` rows of numbers and texts."""
    import numpy as np
    import pandas as pd

    chance = np.random.default_rng(0)
    words = np.array(_WORDS, dtype=object)
    texts = words[chance.integers(0, len(_WORDS), (rows, 8))]
    return pd.DataFrame(
        {
            "id": np.arange(rows),
            "user": [f"user{number}" for number in range(rows)],
            "score": chance.random(rows),
            "text": [" ".join(line) for line in texts],
            "day": [f"2024-01-{number % 28 + 1:02d}" for number in range(rows)],
        }
    )


def pass_over(reader: str, name: str, path: Path) -> dict[str, float]:
    """Read all of ``path``, and return seconds, rows and the growth of memory in MiB."""
    import pyarrow  # noqa: F401 - what is measured is the reading, not what both readers load

    importlib.import_module("pandas" if reader == "pandas" else "pc_worker.reader.opening")
    peak, spent, began = Peak(), time.process_time(), time.perf_counter()
    opened, rows = _theirs(name, path) if reader == "pandas" else _ours(path)
    seconds, spent = time.perf_counter() - began, time.process_time() - spent
    return {
        "opened": opened - began, "seconds": seconds, "cpu": spent, "rows": rows, "grown_mib": peak.grown_mib()
    }  # fmt: skip


def _theirs(name: str, path: Path) -> tuple[float, int]:
    rows = len(KINDS[name].read(path))
    return time.perf_counter(), rows


def _ours(path: Path) -> tuple[float, int]:
    from pc_worker.reader import open_table

    with tempfile.TemporaryDirectory(prefix="pcw-spool-") as spool, open_table(path, spool=Path(spool)) as table:
        opened = time.perf_counter()
        for start in range(0, table.rows, _CHUNK):
            table.read(start, start + _CHUNK)
        return opened, table.rows


def _measured(reader: str, name: str, path: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "pc_worker.bench.reader.formats", "--one", reader, name, str(path)]
    runs = [json.loads(subprocess.run(command, check=True, capture_output=True).stdout) for _ in range(_REPEATS)]
    best = min(runs, key=lambda run: run["seconds"])
    return {**best, "cpu": min(run["cpu"] for run in runs)}


def cuts(name: str, folder: Path) -> str:
    """Return how many of the cut files were refused, and how many were read as fewer rows."""
    from pc_worker.reader import Rejected, open_table

    whole = folder / "small"
    KINDS[name].write(frame(2000), whole)
    data, refused, fewer = whole.read_bytes(), 0, 0
    for number in range(1, _CUTS + 1):
        path = folder / f"cut{number}"
        path.write_bytes(data[: len(data) * number // (_CUTS + 1)])
        try:
            with open_table(path, spool=folder) as table:
                fewer += table.rows < 2000
        except Rejected:
            refused += 1
    return f"{refused} of {_CUTS}" + (f", {fewer} fewer rows" if fewer else "")


def line(name: str, megabytes: float) -> str:
    """Return one format's line of the table."""
    kind = KINDS[name]
    rows = int(min(megabytes, kind.most_mb) * 1e6 / kind.row_bytes)
    with tempfile.TemporaryDirectory(prefix="pcw-bench-") as made:
        path = Path(made) / "table.csv"  # detected by content, not by this name
        kind.write(frame(rows), path)
        ours, theirs = _measured("ours", name, path), _measured("pandas", name, path)
        reads = "yes" if ours["rows"] == theirs["rows"] == rows else f"NO: {ours['rows']} of {rows}"
        size = path.stat().st_size / 1e6
        refuses = cuts(name, Path(made))
    ratios = (ours[kind] / theirs[kind] for kind in ("seconds", "cpu"))
    return (
        f"{name:12} {size:7.1f} {reads:>5} {refuses:>24} {ours['opened']:8.2f} {ours['seconds']:8.2f}"
        f" {theirs['seconds']:8.2f} {ours['cpu']:8.2f} {theirs['cpu']:8.2f}"
        + "".join(f" {ratio:9.2f}" for ratio in ratios)
        + f" {ours['grown_mib']:9.0f} {theirs['grown_mib']:9.0f}"
    )


def main() -> None:
    """Print the table, or with ``--one READER FORMAT PATH`` one measurement as JSON."""
    if sys.argv[1:2] == ["--one"]:
        reader, name, path = sys.argv[2:5]
        sys.stdout.write(json.dumps(pass_over(reader, name, Path(path))))
        return
    megabytes = float(sys.argv[1]) if len(sys.argv) > 1 else 100.0
    sys.stdout.write(f"{processor()}\n")
    first = f"{'format':12} {'MB':>7} {'reads':>5} {'cut files refused':>24}"
    times = f"{'open s':>8} {'all s':>8} {'pandas s':>8} {'CPU s':>8} {'pandas':>8} {'ratio':>9} {'CPU ratio':>9}"
    sys.stdout.write(f"{first} {times} {'ours MiB':>9} {'pandas MiB':>9}\n")
    for name in sys.argv[2:] or KINDS:
        sys.stdout.write(line(name, megabytes) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
