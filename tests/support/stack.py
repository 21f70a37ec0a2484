"""A real stack of one test session, in processes of its own, and the command line against it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import psycopg2

from pc_worker.embedded import Addresses, read_addresses
from pc_worker.settings import PROJECT
from tests.homes import keep_database_in_memory
from tests.support.commands import Commands
from tests.support.processes import family_of, freeze, thaw
from tests.support.waiting import eventually

COMMANDS = Commands()
SHARED_MODELS = PROJECT / ".pytest_cache" / "models"


def environment(home: Path, **settings: str) -> dict[str, str]:
    """Return the environment of a command with this HOME: nothing of ours is inherited."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PC_WORKER_")}
    ours = {
        "PC_WORKER_HOME": str(home),
        "PC_WORKER_GATEWAY_ADDRESS": "127.0.0.1:0",
        "PC_WORKER_HTTP_ADDRESS": "127.0.0.1:0",
        "PC_WORKER_FLOWER_ADDRESS": "127.0.0.1:0",
        "PC_WORKER_METRICS_ADDRESS": "127.0.0.1:0",
        **settings,
    }
    others = [folder for folder in os.environ.get("PYTHONPATH", "").split(":") if folder not in ("", str(PROJECT))]
    return {**kept, "PYTHONPATH": ":".join((str(PROJECT), *others)), **ours}


@dataclass
class Result:
    """The output of a command and its exit code."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """Return its JSON document."""
        return json.loads(self.out)

    def lines(self) -> list[Any]:
        """Return its JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]


def run_command(*arguments: str, env: dict[str, str], cwd: Path | None = None, timeout_s: float = 240) -> Result:
    """Run ``python -m pc_worker`` with these arguments, in a process of its own."""
    if COMMANDS.suits(arguments, env):
        return Result(*COMMANDS.run(arguments, env=env, cwd=cwd, timeout_s=timeout_s))
    done = subprocess.run(
        [sys.executable, "-m", "pc_worker", *arguments],
        env=env,
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    return Result(done.returncode, done.stdout, done.stderr)


def share_models(home: Path) -> None:
    """Use the exports of other homes: each takes ten seconds of all cores, and a test of its own makes one."""
    models = home / "models"
    if not models.exists():
        SHARED_MODELS.mkdir(parents=True, exist_ok=True)
        home.mkdir(parents=True, exist_ok=True)
        models.symlink_to(SHARED_MODELS)


@dataclass
class LiveStack:
    """An ``up`` process; commands run against it.

    Attributes:
        home: Its folder.
        settings: Variables of its environment.
        parts: The parts that it has, with commas between them; empty = all, as `up` itself starts them.
        processes: Its worker's processes, on every machine: each takes a second of CPU time to start.
        on_disk: Whether its database lies on a disk and its worker has the usual number of processes, as a measurement
            needs it; else the database is in memory where possible.
        process: Its process, once it was started.
    """

    home: Path
    settings: dict[str, str] = field(default_factory=dict)
    parts: str = ""
    processes: int = 2
    on_disk: bool = False
    process: subprocess.Popen[bytes] | None = None
    _connection: Any = field(default=None, repr=False)

    @property
    def env(self) -> dict[str, str]:
        """What commands need to find it."""
        processes = {"PC_WORKER_CONCURRENCY": str(self.processes), "PC_WORKER_ENCODER_THREADS": "1"}
        return environment(self.home, **(({} if self.on_disk else processes) | self.settings))

    @property
    def addresses(self) -> Addresses:
        """What it really uses."""
        found = read_addresses(self.home)
        assert found is not None
        return found

    def start(self) -> None:
        """Start it and wait until everything answers."""
        self.home.mkdir(parents=True, exist_ok=True)
        share_models(self.home)
        if not self.on_disk:
            keep_database_in_memory(self.home)
        with (self.home / "up.log").open("ab") as log:
            program = ["tests.support.fewer_parts", self.parts] if self.parts else ["pc_worker", "up"]
            self.process = subprocess.Popen(
                [sys.executable, "-m", *program], env=self.env, stdout=log, stderr=log, cwd=self.home
            )

        def ready() -> bool:
            assert self.process is not None
            if self.process.poll() is not None:
                raise AssertionError((self.home / "up.log").read_text())
            return read_addresses(self.home) is not None

        eventually(ready, within_s=120, what="the stack's start")

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Ask it to stop and return its exit code."""
        assert self.process is not None
        if self._connection is not None:
            self._connection.close()
        self.process.send_signal(number)
        return self.process.wait(timeout=90)

    def run(self, *arguments: str, timeout_s: float = 240) -> Result:
        """Run a command against it."""
        return run_command(*arguments, env=self.env, cwd=self.home, timeout_s=timeout_s)

    def ingest(self, path: Path, domain: str, *options: str) -> dict[str, Any]:
        """Ingest a file, wait, and return the status document."""
        result = self.run("ingest", str(path), "--domain", domain, "--wait", "--json", *options)
        assert result.out, result.err
        document: dict[str, Any] = result.json()
        return document

    def stream(self, domain: str, *options: str) -> list[dict[str, Any]]:
        """Stream a domain and return its rows, their vectors in the form that is quick to write and to read."""
        result = self.run("stream", "--domain", domain, "--vectors", "base64", *options)
        assert result.code == 0, result.err
        return result.lines()

    def query(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Ask its database, on a connection that is kept: those who wait for a row ask again and again."""
        if self._connection is not None:
            try:
                return _ask(self._connection, statement, values)
            except (psycopg2.OperationalError, psycopg2.InterfaceError):
                self._connection.close()  # the server was started again
        self._connection = psycopg2.connect(self.addresses.database_url)
        return _ask(self._connection, statement, values)

    @contextmanager
    def paused_worker(self, when: Callable[[], object] = lambda: True) -> Iterator[None]:
        """Freeze the worker inside the block, as soon as ``when`` holds, so that a job stays where it is."""
        pid = self.addresses.pids["worker"]  # read before: the awaited condition may be true only briefly
        eventually(when, what="the moment to freeze the worker", brief=True)
        family = eventually(lambda: self._frozen(pid), what="a moment without an open transaction", brief=True)
        try:
            yield
        finally:
            thaw(family)

    def _frozen(self, pid: int) -> list[psutil.Process]:
        """Freeze a process with its children; not inside a transaction, whose locks would keep everybody waiting."""
        family = freeze(pid)
        if not self._in_transaction():
            return family
        thaw(family)
        return []

    def _in_transaction(self) -> bool:
        return bool(
            self.query(
                "SELECT 1 FROM pg_stat_activity WHERE backend_type = 'client backend' AND xact_start IS NOT NULL"
                " AND pid <> pg_backend_pid()"
            )
        )

    def family(self, part: str) -> list[psutil.Process]:
        """Return a part's process and its children."""
        return family_of(self.addresses.pids[part])


def _ask(connection: Any, statement: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
    with connection, connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())
