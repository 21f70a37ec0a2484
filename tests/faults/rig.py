"""The rig: servers, proxies before them, a stack behind those, a follower, and work to hurt it at."""

from __future__ import annotations

import os
import random
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psutil
import psycopg2
import redis
from celery import Celery

from pc_worker.domains import Options
from pc_worker.embedded import remove_home
from pc_worker.store.ledger import jobs
from tests.faults.consumer import Follower, read_all
from tests.faults.failpoints import INSIDE, Failpoints
from tests.faults.load import DOMAIN, Truth, new_job_id, write_source
from tests.faults.oracle import ALWAYS, Findings, caught_up, check_settled, check_statements
from tests.faults.proxy import Proxy
from tests.faults.servers import Servers
from tests.support.processes import runs
from tests.support.stack import LiveStack
from tests.support.waiting import eventually

ENDED = ("completed", "partial", "failed", "cancelled")
#: Row numbers are used again and again: most writes change rows that are there.
KEYS = 1500
LEASE_S = 15


@dataclass(slots=True)
class Work:
    """One job and the rows it brings."""

    job_id: str
    numbers: Sequence[int]
    generation: int
    source: Path


@dataclass(slots=True)
class Rig:
    """Everything of one run; ``random`` decides all that is random."""

    folder: Path
    servers: Servers
    stack: LiveStack
    points: Failpoints
    to_postgres: Proxy
    to_redis: Proxy
    random: random.Random
    follower: Follower
    truth: Truth = field(default_factory=Truth)
    mounts: dict[str, Path] = field(default_factory=dict)
    generation: int = 0
    #: Open connections that no question uses: a new one takes the server ten milliseconds of CPU time.
    _idle: list[Any] = field(default_factory=list)

    # --- work

    def begin(self, *, rows: int = 600, chunk_size: int = 5, changes: dict[int, dict[str, Any]] | None = None) -> Work:
        """Write a source of a new generation and enqueue it, as `ingest` does."""
        self.generation += 1
        first = self.random.randrange(KEYS - rows + 1)
        numbers = range(first, first + rows)
        path = self.folder / "sources" / f"{self.generation}.pkl"
        write_source(path, numbers, self.generation, changes=changes)
        work = Work(new_job_id(), numbers, self.generation, path)
        self.truth.doubt(numbers, self.generation)
        self.submit(work, chunk_size)
        return work

    def submit(self, work: Work, chunk_size: int) -> None:
        """Write the job to the ledger, then send its message; one that is lost is reconcile's to send."""
        with psycopg2.connect(self.servers.database_url) as connection, connection.cursor() as cursor:
            request = {"chunk_size": chunk_size, "options": Options().to_dict()}
            jobs.create_job(
                cursor, job_id=work.job_id, domain=DOMAIN, source=str(work.source), request=request, max_dead=0
            )
        connection.close()
        kwargs = {"path": str(work.source), "domain": DOMAIN, "chunk_size": chunk_size, "job_id": work.job_id}
        with Celery(broker=self.servers.redis_url, set_as_current=False) as app:
            app.send_task("pc_worker.ingest_file", kwargs=kwargs, queue="pcw.split", retry=False)

    def done(self, work: Work) -> int:
        """Return the number of finished chunks; -1 if the job has ended."""
        state, chunks = self.query("SELECT state, chunks_done FROM jobs WHERE job_id = %(j)s", {"j": work.job_id})[0]
        return -1 if state in ENDED else int(chunks)

    def moved(self, work: Work, since: int, *, within_s: float = 150) -> int:
        """Wait until more chunks are done than ``since``, or the job has ended; return the new count."""

        def look() -> int | None:
            now = self.done(work)
            return now if now != since or now == -1 else None

        return eventually(look, within_s=within_s, what=f"progress beyond {since} chunks") or 0

    def finish(self, work: Work, *, within_s: float = 240, state: str = "completed") -> Findings:
        """Wait for the job's end and settle the truth; a job that ends otherwise is a finding."""
        eventually(lambda: self.done(work) == -1, within_s=within_s, what=f"the end of job {work.job_id}")
        found, error, dead = self.query(
            "SELECT state, error, rows_dead FROM jobs WHERE job_id = %(j)s", {"j": work.job_id}
        )[0]
        findings = Findings()
        if found != state:
            findings.add(f"job {work.job_id} is {found} ({error}, {dead} dead) instead of {state}", lost=int(dead or 1))
        if found == "completed":
            self.truth.settle(work.numbers, work.generation)
            work.source.unlink(missing_ok=True)
        return findings

    # --- looking

    def query(self, statement: str, values: Any = None, *, patience_s: float = 120) -> list[tuple[Any, ...]]:
        """Ask PostgreSQL itself, past the proxy; waits for a server that is away."""
        deadline = time.monotonic() + patience_s
        while True:
            try:
                return self._ask(statement, values)
            except psycopg2.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def _ask(self, statement: str, values: Any) -> list[tuple[Any, ...]]:
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = psycopg2.connect(self.servers.database_url, connect_timeout=5)
            connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement, values)
                rows = list(cursor.fetchall()) if cursor.description else []
        except BaseException:
            connection.close()  # the server may have been started again
            raise
        self._idle.append(connection)
        return rows

    def close(self) -> None:
        """Close the connections for questions."""
        while self._idle:
            self._idle.pop().close()

    def redis_client(self) -> redis.Redis:
        """Return a client that connects directly to Redis."""
        return redis.Redis.from_url(self.servers.redis_url, socket_timeout=10)

    def check_now(self) -> Findings:
        """Check the invariants that hold at any time."""
        return check_statements(self.query, ALWAYS)

    def check_settled(self) -> Findings:
        """Check the invariants that hold when no job is open."""
        findings = Findings()
        if not caught_up(self.query, self.follower):
            findings.add(f"the follower stands still at {self.follower.position}", lost=1)
        sample = set(self.random.sample(sorted(self.truth.numbers), k=min(50, len(self.truth.numbers))))
        reading = read_all(self.gateway, vectors_of=sample.__contains__)
        found = check_settled(self.query, self.truth, reading, self.follower)
        for word in found.words:
            findings.add(word)
        findings.lost += found.lost
        findings.doubled += found.doubled
        return findings

    @property
    def gateway(self) -> str:
        """The gateway's address."""
        return self.stack.addresses.gateway

    # --- processes

    def main_of(self, part: str) -> psutil.Process:
        """Return a part's main process, once it runs."""

        def look() -> list[psutil.Process]:
            with suppress(psutil.NoSuchProcess, AssertionError, KeyError):
                process = psutil.Process(self.stack.addresses.pids[part])
                return [process] if process.status() != psutil.STATUS_ZOMBIE else []
            return []

        return eventually(look, within_s=90, what=f"a running {part}")[0]

    def children(self) -> list[psutil.Process]:
        """Return the worker's living pool processes."""
        with suppress(psutil.NoSuchProcess):
            return [p for p in self.main_of("worker").children() if runs(p) and _is_pool(p)]
        return []

    def a_child(self) -> psutil.Process:
        """Return a random one of them, once there is one."""
        return self.random.choice(eventually(self.children, within_s=90, what="a pool process"))

    def worker_log(self, *, last_bytes: int = 8000) -> str:
        """Return the end of the worker's log: the reason why a drill stopped."""
        logs = sorted((self.folder / "home" / "logs").glob("worker*"))
        return "".join(log.read_bytes()[-last_bytes:].decode(errors="replace") for log in logs)

    def restart_worker(self) -> None:
        """End the worker cleanly; the supervisor starts it again, with the present tuning."""
        old = self.main_of("worker")
        old.terminate()
        eventually(lambda: not runs(old), within_s=90, what="its end")
        eventually(lambda: self.main_of("worker").pid != old.pid and len(self.children()) >= 2, what="a new worker")


def _is_pool(process: psutil.Process) -> bool:
    try:
        return any("spawn_main" in word for word in process.cmdline())
    except psutil.Error:
        return False


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Yield a folder for a rig; it is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="pcw-faults-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@contextmanager
def running_rig(folder: Path, *, seed: int, concurrency: int = 2, parts: str = "", **settings: str) -> Iterator[Rig]:
    """Start everything below ``folder``, or only these parts of the stack, and stop it at the end."""
    folder.chmod(0o711)
    (folder / "sources" / "inbox").mkdir(parents=True)
    points = Failpoints(folder / "faults")
    points.prepare()
    with ExitStack() as held:
        mounts = _mounted(folder, held)
        servers = Servers(folder / "servers")
        held.callback(remove_home, servers.home)
        servers.start()
        held.callback(servers.stop)
        postgres = held.enter_context(_proxy(servers.database_url))
        redis_ = held.enter_context(_proxy(servers.redis_url))
        environment = {
            "PYTHONPATH": str(INSIDE),
            "PCW_FAULTS": str(points.folder),
            "PC_WORKER_DATABASE_URL": _by(servers.database_url, postgres),
            "PC_WORKER_REDIS_URL": _by(servers.redis_url, redis_),
            "PC_WORKER_DATA_ROOTS": str(folder / "sources"),
            "PC_WORKER_CONCURRENCY": str(concurrency),
            "PC_WORKER_RECONCILE_S": "1",
            "PC_WORKER_INBOX": str(folder / "sources" / "inbox"),
            "PC_WORKER_SCAN_INBOX_S": "1",
            "PC_WORKER_LEASE_S": str(LEASE_S),
            "PC_WORKER_SHORT_LEASE": "1",
            **settings,
        }
        environment["PYTHONPATH"] += os.pathsep + str(Path(__file__).parents[2])
        stack = LiveStack(folder / "home", environment, parts)
        stack.start()
        held.callback(stack.stop)
        held.callback(_resume, stack)
        follower = Follower(lambda: stack.addresses.gateway)
        follower.start()
        held.callback(follower.stop)
        rig = Rig(folder, servers, stack, points, postgres, redis_, random.Random(seed), follower, mounts=mounts)
        held.callback(rig.close)
        yield rig


def _resume(stack: LiveStack) -> None:
    """Continue all suspended processes, because stopping would wait for them."""
    for part in stack.addresses.pids:
        with suppress(psutil.NoSuchProcess):
            for process in stack.family(part):
                process.resume()


def _proxy(url: str) -> Proxy:
    parts = urlsplit(url)
    return Proxy(parts.hostname or "127.0.0.1", parts.port or 0)


def _by(url: str, proxy: Proxy) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{parts.netloc.rpartition(':')[0]}:{proxy.port}"))


def _mounted(folder: Path, held: ExitStack) -> dict[str, Path]:
    """Return small volumes for the servers' data and the spool, which can be filled, if this user may create them."""
    wanted = {
        "postgres": (folder / "servers" / "postgres", "3g"),
        "redis": (folder / "servers" / "valkey", "300m"),
        "spool": (folder / "home" / "spool", "64m"),
    }
    made = {}
    for name, (place, size) in wanted.items() if os.geteuid() == 0 else ():
        place.mkdir(parents=True)
        mode = "0711" if name == "postgres" else "0700"
        command = ["mount", "-t", "tmpfs", "-o", f"size={size},mode={mode}", "tmpfs", str(place)]
        if subprocess.run(command, capture_output=True, check=False).returncode == 0:
            held.callback(subprocess.run, ["umount", "-l", str(place)], check=False)
            made[name] = place
        else:
            place.rmdir()
    (folder / "servers").mkdir(exist_ok=True)
    (folder / "servers").chmod(0o711)
    return made
