"""One reading of one file in its own process, so that its memory is its own; prints what it cost as JSON."""

from __future__ import annotations

import gc
import json
import os
import select
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

CHUNK = 300
_SAMPLE_S = 0.01


@dataclass(frozen=True, slots=True)
class Cost:
    """What a reading cost: seconds to the first chunk and to the last, of all processors, and anonymous memory."""

    first_s: float
    total_s: float
    cpu_s: float
    grown_mib: float
    rows: int


def anonymous_mib(process: int) -> float:
    """Return the anonymous memory of a process now (RssAnon), in MiB."""
    with open(f"/proc/{process}/status", encoding="ascii") as file:
        line = next(line for line in file if line.startswith("RssAnon"))
    return int(line.split()[1]) / 1024


class Peak:
    """Anonymous memory during the work, watched by another process: a thread would block the interpreter."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "pc_worker.bench.reader.probe", "watch", str(os.getpid())]
        self._watcher = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._start_mib = float(self._line())

    def _line(self) -> str:
        return "" if self._watcher.stdout is None else self._watcher.stdout.readline()

    def grown_mib(self) -> float:
        """Return the largest growth, in MiB."""
        if self._watcher.stdin is not None:
            self._watcher.stdin.close()
        peak = float(self._line())
        self._watcher.wait()
        return peak - self._start_mib


def watch(process: int) -> None:
    """Print the anonymous memory of ``process`` now, and the most it had once standard input ends."""
    peak = anonymous_mib(process)
    print(peak, flush=True)  # noqa: T201 - for the process that waits for it
    while not select.select([sys.stdin], [], [], _SAMPLE_S)[0]:
        peak = max(peak, anonymous_mib(process))
    print(max(peak, anonymous_mib(process)), flush=True)  # noqa: T201 - as above


def ours(path: Path, spool: Path) -> Cost:
    """Index the file, then read every chunk; imports are outside the clock, as with pandas."""
    import pc_worker.reader.formats.pickle  # noqa: F401 - else loaded, and without cached bytecode compiled, on opening
    from pc_worker.reader import open_table

    gc.collect()
    peak, began, used = Peak(), time.perf_counter(), time.process_time()
    with open_table(path, spool=spool) as table:
        table.read(0, CHUNK)
        first = time.perf_counter() - began
        for start in range(CHUNK, table.rows, CHUNK):
            table.read(start, start + CHUNK)
        total, cpu = time.perf_counter() - began, time.process_time() - used
        return Cost(first, total, cpu, peak.grown_mib(), table.rows)


def pandas(path: Path, spool: Path) -> Cost:
    """Run ``pandas.read_pickle``, then read every slice."""
    import pandas as pd

    gc.collect()
    peak, began, used = Peak(), time.perf_counter(), time.process_time()
    frame = pd.read_pickle(path)  # noqa: S301 - the baseline that trusts the file; we wrote it ourselves
    first = time.perf_counter() - began
    for start in range(0, len(frame), CHUNK):
        frame.iloc[start : start + CHUNK]
    total, cpu = time.perf_counter() - began, time.process_time() - used
    return Cost(first, total, cpu, peak.grown_mib(), len(frame))


def main() -> None:
    """Run ``python -m pc_worker.bench.reader.probe ours|pandas PATH SPOOL``."""
    if sys.argv[1] == "watch":
        watch(int(sys.argv[2]))
        return
    probe = {"ours": ours, "pandas": pandas}[sys.argv[1]]
    sys.stdout.write(json.dumps(asdict(probe(Path(sys.argv[2]), Path(sys.argv[3])))))


if __name__ == "__main__":
    main()
