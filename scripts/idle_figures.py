"""Start the stack in its own home; print how soon it is ready, and what it costs while idle.

Usage: python scripts/idle_figures.py [SECONDS]; needs psutil (requirements-test.txt). CPU is the time that each process
itself used, so other load on the machine does not count, though it makes start and wake-ups slower.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

from pc_worker.bench.own_folder import own_folder
from pc_worker.bench.processor import processor
from pc_worker.embedded import read_addresses

#: A stack loads its models once: it is idle when all of it uses less than this in this many seconds.
SETTLED_CPU_S, SETTLE_S, PATIENCE_S = 0.2, 10, 300


def main(seconds: float) -> None:
    """Measure and print."""
    print(processor())
    with own_folder() as folder:
        home = folder / "home"
        for start in ("first start", "second start"):
            process, ready_s = start_stack(home)
            print(f"{start}: ready after {ready_s:.1f} s")
            if start == "second start":
                settle(process.pid)
                report(process, home, seconds)
            process.terminate()
            process.wait(90)


def start_stack(home: Path) -> tuple[subprocess.Popen[bytes], float]:
    """Start `up` and wait until it has published its addresses; return the seconds that took."""
    ports = {f"PC_WORKER_{name}_ADDRESS": "127.0.0.1:0" for name in ("GATEWAY", "FLOWER", "METRICS")}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PC_WORKER_")}
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "pc_worker", "up"],
        env={**kept, **ports, "PC_WORKER_HOME": str(home)},
        stdout=subprocess.DEVNULL,
    )
    while read_addresses(home) is None:
        if process.poll() is not None:
            raise SystemExit(f"up ended with {process.returncode}")
        time.sleep(0.05)
    return process, time.monotonic() - began


def settle(pid: int) -> None:
    """Wait until nothing of what the start began is at work any more."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        before = cpu_s(pid, alone=False)
        time.sleep(SETTLE_S)
        if cpu_s(pid, alone=False) - before < SETTLED_CPU_S:
            return
    print("not settled: something is still at work")


def report(up: subprocess.Popen[bytes], home: Path, seconds: float) -> None:
    """Print each part's CPU over ``seconds`` and its memory now, children included."""
    addresses = read_addresses(home)
    roots = {"up": up.pid, **(addresses.pids if addresses else {})}
    before = {name: cpu_s(pid, alone=name == "up") for name, pid in roots.items()}
    time.sleep(seconds)
    total = 0.0
    print(f"{'part':10} {'processes':>9} {'CPU s':>7} {'% of a core':>12} {'RSS MB':>8} {'own MB':>8}")
    for name, pid in roots.items():
        used = cpu_s(pid, alone=name == "up") - before[name]
        total += used
        processes = list(family(pid, alone=name == "up"))
        memory = [process.memory_full_info() for process in processes]
        rss, own = (sum(getattr(each, kind) for each in memory) / 1e6 for kind in ("rss", "uss"))
        print(f"{name:10} {len(processes):>9} {used:>7.2f} {100 * used / seconds:>12.2f} {rss:>8.0f} {own:>8.0f}")
    print(f"all: {total:.2f} s of CPU in {seconds:.0f} s = {100 * total / seconds:.2f} % of one core")
    print(f"load average of the machine: {os.getloadavg()[0]:.1f}")


def family(pid: int, *, alone: bool) -> Iterator[psutil.Process]:
    """Return a process and, unless ``alone``, all that it started."""
    process = psutil.Process(pid)
    yield process
    if not alone:
        yield from process.children(recursive=True)


def cpu_s(pid: int, *, alone: bool) -> float:
    """Return the CPU seconds that a component has used so far, including children that have ended."""
    used = 0.0 if alone else sum(psutil.Process(pid).cpu_times()[2:4])
    for process in family(pid, alone=alone):
        with suppress(psutil.NoSuchProcess):
            used += sum(process.cpu_times()[:2])
    return used


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0)
