"""Metrics of processes that come and go: counts stay, and files stay few."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from pc_worker.metrics.multiprocess import FOLDER_VARIABLE
from pc_worker.settings import PROJECT

COUNT = """
from pc_worker.metrics.multiprocess import Counter, Gauge
Counter("pcw_runs_total", "Runs.").inc()
Gauge("pcw_open", "Open now.", multiprocess_mode="livesum").inc()
Gauge("pcw_last", "The last.", multiprocess_mode="mostrecent").set(7)
"""


def run(folder: Path) -> None:
    environment = {FOLDER_VARIABLE: str(folder), "PYTHONPATH": str(PROJECT)}
    subprocess.run([sys.executable, "-c", COUNT], env=environment, check=True)


def exported(folder: Path) -> str:
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=str(folder))  # type: ignore[no-untyped-call]  # the library publishes no type
    return generate_latest(registry).decode()


def test_a_process_counts_on_where_its_predecessor_ended(tmp_path: Path) -> None:
    for _ in range(3):
        run(tmp_path)

    assert "pcw_runs_total 3.0" in exported(tmp_path)
    assert len(list(tmp_path.glob("counter_*.db"))) == 1


def test_what_a_dead_process_had_open_is_not_counted_on(tmp_path: Path) -> None:
    for _ in range(3):
        run(tmp_path)

    assert "pcw_open 1.0" in exported(tmp_path)
    assert "pcw_last 7.0" in exported(tmp_path)


def test_concurrent_processes_have_slots_of_their_own(tmp_path: Path) -> None:
    environment = {FOLDER_VARIABLE: str(tmp_path), "PYTHONPATH": str(PROJECT)}
    waiting = f"{COUNT}\nprint(flush=True); input()"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", waiting], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()

    assert "pcw_open 2.0" in exported(tmp_path)
    for process in processes:
        process.communicate(b"\n", timeout=30)
