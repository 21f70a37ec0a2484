"""The parts that the HTTP benchmark compares, as separate processes on the same servers."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pc_worker.embedded import EmbeddedServers
from pc_worker.installation import child_environment

START_S, STOP_S = 60.0, 30.0
TICKS = os.sysconf("SC_CLK_TCK")


class PartFailed(RuntimeError):
    """A part did not start, or a request to it failed."""


@dataclass(frozen=True, slots=True)
class BenchPart:
    """A running part: the address it listens on, its process, and the database's."""

    address: str
    pid: int
    database_pid: int

    def cpu_s(self) -> float:
        """Return the processor seconds that its threads have used."""
        return sum(_cpu_s(self.pid)[:2])

    def line_cpu_s(self) -> float:
        """Return its processor seconds and PostgreSQL's, with those of connections that have ended."""
        children = Path(f"/proc/{self.database_pid}/task/{self.database_pid}/children").read_text(encoding="ascii")
        backends = (sum(_cpu_s(int(pid))[:2]) for pid in children.split())
        return self.cpu_s() + sum(_cpu_s(self.database_pid)) + sum(backends)

    def memory_mib(self) -> float:
        """Return its memory without the pages of files, in MiB."""
        lines = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii").splitlines()
        return sum(int(line.split()[1]) / 1024 for line in lines if line.startswith("RssAnon:"))


@contextmanager
def own_part(
    name: str, folder: Path, servers: EmbeddedServers, settings: Mapping[str, str] | None = None
) -> Iterator[BenchPart]:
    """Run `python -m pc_worker NAME` on servers of a benchmark, with settings in addition to those it needs.

    Raises:
        PartFailed: If it does not start.
    """
    log = folder / f"{name}-{time.monotonic_ns()}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            (sys.executable, "-m", "pc_worker", name),
            env=_environment(folder, servers, settings or {}),
            stdout=output,
            stderr=output,
        )
    try:
        yield BenchPart(_address(process, name, log), process.pid, servers.pids["postgres"])
    finally:
        process.terminate()
        process.wait(STOP_S)


def _cpu_s(pid: int) -> list[float]:
    """Return user and system seconds of a process, and of its children that have ended; zeros if it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return [0.0] * 4
    return [int(field) / TICKS for field in fields[11:15]]


def _environment(folder: Path, servers: EmbeddedServers, settings: Mapping[str, str]) -> dict[str, str]:
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("PC_WORKER_", "OTEL_"))}
    ours = {
        "PC_WORKER_HOME": str(folder / "home"),
        "PC_WORKER_DATABASE_URL": servers.database_url,
        "PC_WORKER_REDIS_URL": servers.redis_url,
        "PC_WORKER_DATA_ROOTS": str(folder),
        **{f"PC_WORKER_{part}_ADDRESS": "127.0.0.1:0" for part in ("GATEWAY", "HTTP", "METRICS")},
    }
    return child_environment({**inherited, **ours, **settings})


def _address(process: subprocess.Popen[bytes], name: str, log: Path) -> str:
    listens, deadline = re.compile(rf"^{name} listens on (\S+)$", re.MULTILINE), time.monotonic() + START_S
    while (found := listens.search(log.read_text(encoding="utf-8"))) is None:
        if process.poll() is not None or time.monotonic() > deadline:
            raise PartFailed(f"{name} does not start: {log.read_text(encoding='utf-8')[-500:]}")
        time.sleep(0.05)
    return found[1]
