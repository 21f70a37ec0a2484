"""The site of `tests.faults.machines`: services at one address, and two machines that reach them over links."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import psycopg2

from pc_worker.embedded import remove_home
from tests.faults.proxy import Proxy
from tests.faults.servers import Servers
from tests.support.object_store import ObjectStore, running_store
from tests.support.processes import each, family_of
from tests.support.stack import Result, environment, run_command
from tests.support.waiting import eventually

#: A network that documentation uses (RFC 5737); each machine has four addresses of it.
NETWORK = "192.0.2"
LEASE_S = "10"


@dataclass(slots=True)
class Machine:
    """A network namespace that runs one worker on one processor."""

    number: int
    home: Path
    env: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def name(self) -> str:
        """The name of the namespace, and of its end of the link."""
        return f"pcw-{self.number}"

    @property
    def services(self) -> str:
        """The address at which this machine reaches the services."""
        return f"{NETWORK}.{4 * self.number + 1}"

    def connect(self) -> None:
        """Create the namespace and its link to this host."""
        outside = f"{self.name}-out"
        ip("netns", "add", self.name)
        ip("link", "add", outside, "type", "veth", "peer", "name", "eth0", "netns", self.name)
        ip("addr", "add", f"{self.services}/30", "dev", outside)
        ip("link", "set", outside, "up")
        for command in (f"addr add {NETWORK}.{4 * self.number + 2}/30 dev eth0", "link set eth0 up", "link set lo up"):
            ip("-n", self.name, *command.split())

    def start(self) -> None:
        """Start the worker and wait until it takes tasks."""
        self.home.mkdir(parents=True, exist_ok=True)
        log = self.home / "worker.log"
        begin = log.stat().st_size if log.exists() else 0
        command = ["ip", "netns", "exec", self.name, "taskset", "-c", str(self.number % (os.cpu_count() or 1))]
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                [*command, sys.executable, "-m", "pc_worker", "worker"], env=self.env, stdout=out, stderr=out
            )
        eventually(lambda: b" ready" in log.read_bytes()[begin:], within_s=120, what=f"the worker of {self.name}")

    def kill(self) -> None:
        """Kill the worker and its children at once."""
        if self.process is not None:
            each(family_of(self.process.pid), psutil.Process.kill)
            self.process.wait()

    def stop(self) -> None:
        """Stop the worker cleanly."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(120)

    def link(self, state: str) -> None:
        """Set the link ``up`` or ``down``: while it is down, packets are lost without an error."""
        ip("link", "set", f"{self.name}-out", state)


@dataclass(slots=True)
class Site:
    """The services, two machines, and the commands of an operator next to the services."""

    folder: Path
    servers: Servers
    store: ObjectStore
    env: dict[str, str]
    machines: list[Machine]

    def run(self, *arguments: str) -> Result:
        """Run a command next to the services; it must succeed."""
        done = run_command(*arguments, env=self.env, timeout_s=1800)
        assert done.code == 0, done.err
        return done

    def query(self, statement: str, values: Any = None) -> list[tuple[Any, ...]]:
        """Ask PostgreSQL itself."""
        connection = psycopg2.connect(self.servers.database_url)
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement, values)
                return list(cursor.fetchall())
        finally:
            connection.close()

    def ingest(self, url: str, domain: str) -> float:
        """Ingest an object and return its rows per second, from command to completed."""
        began = time.monotonic()
        job = self.run("ingest", url, "--domain", domain, "--wait", "--json").json()
        assert job["state"] == "completed", job
        return float(job["rows_total"]) / (time.monotonic() - began)


@contextmanager
def running_site(folder: Path) -> Iterator[Site]:
    """Run the services, beat and a gateway, and connect two machines without a worker."""
    folder.chmod(0o711)
    with ExitStack() as held:
        held.callback(disconnect)
        servers = Servers(folder / "servers")
        held.callback(remove_home, servers.home)
        servers.start()
        held.callback(servers.stop)
        store = held.enter_context(running_store("data"))
        near = {**store.variables, **urls(servers.database_url, servers.redis_url), **SETTINGS}
        machines = [Machine(n, folder / f"home-{n}") for n in (1, 2)]
        for machine in machines:
            machine.connect()
            far = {name: held.enter_context(reachable(near[name], machine.services)) for name in ADDRESSES}
            machine.env = environment(machine.home, **(near | far))
            held.callback(machine.stop)
        env = environment(folder / "home", **near)
        site = Site(folder, servers, store, env, machines)
        site.run("migrate")
        for part in ("beat", "gateway"):
            held.enter_context(running_part(part, env, folder))
        yield site


SETTINGS = {
    "PC_WORKER_DATA_ROOTS": "s3://data",
    "PC_WORKER_CONCURRENCY": "1",
    "PC_WORKER_CHUNK_SIZE": "100",
    "PC_WORKER_ENCODER_THREADS": "1",
    "PC_WORKER_RECONCILE_S": "1",
    "PC_WORKER_LEASE_S": LEASE_S,
    "PC_WORKER_SHORT_LEASE": "1",
    "PC_WORKER_GATEWAY_ADDRESS": "127.0.0.1:50953",
}


#: Settings that name a service.
ADDRESSES = ("PC_WORKER_DATABASE_URL", "PC_WORKER_REDIS_URL", "AWS_ENDPOINT_URL")


def urls(database: str, redis: str) -> Mapping[str, str]:
    """Return the settings that name both servers."""
    return {"PC_WORKER_DATABASE_URL": database, "PC_WORKER_REDIS_URL": redis}


@contextmanager
def reachable(url: str, address: str) -> Iterator[str]:
    """Yield ``url`` as a machine reaches it: at ``address``, from where it is forwarded to this host's loopback."""
    parts = urlsplit(url)
    with Proxy(parts.hostname or "", parts.port or 0, listen=address) as proxy:
        user, at, _ = parts.netloc.rpartition("@")
        yield parts._replace(netloc=f"{user}{at}{address}:{proxy.port}").geturl()


@contextmanager
def running_part(part: str, env: Mapping[str, str], folder: Path) -> Iterator[None]:
    """Run a part next to the services."""
    with (folder / f"{part}.log").open("wb") as out:
        process = subprocess.Popen([sys.executable, "-m", "pc_worker", part], env=dict(env), stdout=out, stderr=out)
        try:
            yield
        finally:
            process.terminate()
            process.wait(60)


def disconnect() -> None:
    """Remove both namespaces with their links."""
    for number in (1, 2):
        subprocess.run(["ip", "netns", "del", f"pcw-{number}"], check=False, capture_output=True)


def ip(*arguments: str) -> None:
    """Run ``ip``, which must succeed."""
    subprocess.run(["ip", *arguments], check=True)
