"""A stack of a benchmark's own, as `up` runs it, and the command line against it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pc_worker.bench.own_folder import own_folder
from pc_worker.embedded import Addresses, read_addresses
from pc_worker.installation import child_environment

START_S = 180.0
STOP_S = 90.0


class StackFailed(RuntimeError):
    """The stack did not start, or a command against it failed."""


@dataclass(frozen=True, slots=True)
class OwnStack:
    """A running stack; ``folder`` is a place for sources that it may read."""

    folder: Path
    addresses: Addresses

    def ingest(self, source: Path, *options: str) -> float:
        """Ingest a file and return the rows per second, from the job's own start and end.

        Raises:
            StackFailed: If a row was not written.
        """
        command = ("ingest", str(source), "--wait", "--json", *options)
        done = subprocess.run(
            _argv(*command), env=_environment(self.folder), capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise StackFailed(f"{source} was not ingested: {done.stderr.strip() or done.stdout}")
        status = json.loads(done.stdout)
        started, finished = (datetime.fromisoformat(status[name]) for name in ("started_at", "finished_at"))
        return float(status["rows_written"] / (finished - started).total_seconds())

    def family(self, part: str) -> list[int]:
        """Return the process of a component and its children."""
        return _family(self.addresses.pids[part])


@contextmanager
def own_stack() -> Iterator[OwnStack]:
    """Run a stack in a temporary home.

    Raises:
        StackFailed: If it does not start.
    """
    with own_folder() as folder:
        log = folder / "up.log"
        with log.open("wb") as output:
            process = subprocess.Popen(_argv("up"), env=_environment(folder), stdout=output, stderr=output)
        try:
            yield OwnStack(folder, _ready(process, folder / "home", log))
        finally:
            process.terminate()
            process.wait(STOP_S)


def _ready(process: subprocess.Popen[bytes], home: Path, log: Path) -> Addresses:
    deadline = time.monotonic() + START_S
    while (found := read_addresses(home)) is None:
        if process.poll() is not None or time.monotonic() > deadline:
            raise StackFailed(f"the stack does not start: {log.read_text(encoding='utf-8')[-500:]}")
        time.sleep(0.1)
    return found


def _argv(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "pc_worker", *arguments)


def _environment(folder: Path) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PC_WORKER_")}
    anywhere = {f"PC_WORKER_{part}_ADDRESS": "127.0.0.1:0" for part in ("GATEWAY", "FLOWER", "METRICS")}
    ours = {"PC_WORKER_HOME": str(folder / "home"), "PC_WORKER_DATA_ROOTS": str(folder)}
    return child_environment({**inherited, **anywhere, **ours})


def _family(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except (FileNotFoundError, ProcessLookupError):
        return []  # it has ended
    return [pid, *(each for child in children for each in _family(int(child)))]
