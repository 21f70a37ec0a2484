"""One reading of one file in a process of its own, so that its memory is its own; prints what it cost as JSON."""

from __future__ import annotations

import gc
import json
import sys
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path

CHUNK = 300
_SAMPLE_S = 0.01


@dataclass(frozen=True, slots=True)
class Cost:
    """What a reading cost: seconds to the first chunk and to the last, and the growth of anonymous memory."""

    first_s: float
    total_s: float
    grown_mib: float
    rows: int


def anonymous_mib() -> float:
    """This process's anonymous memory now (RssAnon), in MiB."""
    with open("/proc/self/status", encoding="ascii") as file:
        line = next(line for line in file if line.startswith("RssAnon"))
    return int(line.split()[1]) / 1024


class Peak:
    """Watches anonymous memory beside the work."""

    def __init__(self) -> None:
        self.start_mib = self.peak_mib = anonymous_mib()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._done.wait(_SAMPLE_S):
            self.peak_mib = max(self.peak_mib, anonymous_mib())

    def grown_mib(self) -> float:
        """How far it grew at most."""
        self._done.set()
        self._thread.join()
        return max(self.peak_mib, anonymous_mib()) - self.start_mib


def ours(path: Path, spool: Path) -> Cost:
    """Index the file, then read every chunk."""
    from pc_worker.reader import open_table

    gc.collect()
    peak, began = Peak(), time.perf_counter()
    with open_table(path, spool=spool) as table:
        table.read(0, CHUNK)
        first = time.perf_counter() - began
        for start in range(CHUNK, table.rows, CHUNK):
            table.read(start, start + CHUNK)
        return Cost(first, time.perf_counter() - began, peak.grown_mib(), table.rows)


def pandas(path: Path, spool: Path) -> Cost:
    """``pandas.read_pickle``, then every slice."""
    import pandas as pd

    gc.collect()
    peak, began = Peak(), time.perf_counter()
    frame = pd.read_pickle(path)  # noqa: S301 - the baseline that trusts the file; we wrote it ourselves
    first = time.perf_counter() - began
    for start in range(0, len(frame), CHUNK):
        frame.iloc[start : start + CHUNK]
    return Cost(first, time.perf_counter() - began, peak.grown_mib(), len(frame))


def main() -> None:
    """``python -m pc_worker.bench.reader_probe ours|pandas PATH SPOOL``."""
    probe = {"ours": ours, "pandas": pandas}[sys.argv[1]]
    sys.stdout.write(json.dumps(asdict(probe(Path(sys.argv[2]), Path(sys.argv[3])))))


if __name__ == "__main__":
    main()
