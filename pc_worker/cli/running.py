"""A whole stack in the foreground: servers, schema, components, addresses; it stops everything it starts."""

from __future__ import annotations

import os
import signal
import sys
import time
import urllib.error
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from queue import Empty, SimpleQueue
from types import FrameType

from pydantic import SecretStr

from pc_worker import wiring
from pc_worker.cli.flower_password import flower_password
from pc_worker.cli.ports import settled
from pc_worker.cli.serving import gateway_serves, http_serves
from pc_worker.embedded import (
    Addresses,
    Command,
    EmbeddedServers,
    Supervisor,
    remove_addresses,
    start_servers,
    write_addresses,
)
from pc_worker.errors import InvalidRequest, Unavailable
from pc_worker.installation import child_environment
from pc_worker.logs import get_logger
from pc_worker.metrics.exporting import export_metrics
from pc_worker.metrics.multiprocess import FOLDER_VARIABLE
from pc_worker.no_proxy import direct_opener
from pc_worker.object_urls import split_roots
from pc_worker.services.declarations import open_domains
from pc_worker.settings import Settings
from pc_worker.store.db.migrations import migrate, read_migrations
from pc_worker.urls import read_redis_url

log = get_logger(__name__)

COMPONENTS: tuple[str, ...] = ("worker", "beat", "gateway", "http", "flower")
#: Longer than the worker's soft shutdown (30 s), so that a chunk at work can end.
STOP_GRACE_S = 45.0
READY_S = 120.0
WATCH_S = 1.0


@contextmanager
def running_stack(settings: Settings, *, any_port: bool = False) -> Iterator[Stack]:
    """Run the whole stack inside the block; ready when it begins, stopped when it ends.

    Raises:
        InvalidRequest: If another stack owns this HOME, or a port is taken.
        Unavailable: If a server or component does not start.
    """
    settings = with_readable_roots(settings)
    with ExitStack() as held:
        flower_auth = flower_password(settings)
        addresses = {
            name: settled(value, variable=f"PC_WORKER_{name.upper()}_ADDRESS", held=held, else_any=any_port)
            for name, value in (
                ("gateway", settings.gateway_address),
                ("http", settings.http_address),
                ("flower", settings.flower_address),
                ("metrics", settings.metrics_address),
            )
        }
        servers = start_servers(
            settings.home, need_postgres=settings.database_url is None, need_redis=settings.redis_url is None
        )
        held.callback(servers.stop)
        stack = Stack(settings, servers, addresses, flower_auth)
        held.callback(stack.stop)
        stack.start()
        yield stack


def with_readable_roots(settings: Settings) -> Settings:
    """Return the settings with data roots that the parts read as such from their environment.

    A default root that they would read as two folders is left out: a working directory is often named by a time.

    Raises:
        InvalidRequest: If a root that was set, or HOME, has the character that separates roots.
    """
    divided = [root for root in settings.all_roots if split_roots(str(root)) != [str(root)]]
    if not divided:
        return settings
    if settings.data_roots is not None or settings.home.resolve() in divided:
        name = "HOME" if settings.data_roots is None else "DATA_ROOTS"
        raise InvalidRequest(
            f"PC_WORKER_{name}: the folder {divided[-1]} has a ':', which separates folders of PC_WORKER_DATA_ROOTS: "
            "set it to one without"
        )
    for root in divided:
        log.warning("root_left_out", root=str(root), reason="it has a ':', which separates data roots")
    return settings.model_copy(update={"data_roots": tuple(root for root in settings.all_roots if root not in divided)})


class Stack:
    """The components of one stack; created by ``running_stack``."""

    def __init__(
        self, settings: Settings, servers: EmbeddedServers, addresses: dict[str, str], flower_auth: str
    ) -> None:
        self._settings, self._servers, self._flower_auth = settings, servers, flower_auth
        self._addresses = addresses
        self._supervisor = Supervisor(settings.home / "logs")
        self._has_new_pids = False
        self.database_url = servers.database_url or _secret(settings.database_url)
        self.redis_url = servers.redis_url or _secret(settings.redis_url)

    @property
    def addresses(self) -> Addresses:
        """The addresses in use."""
        return Addresses(
            **self._addresses,
            flower_auth=self._flower_auth,
            database_url=self.database_url,
            redis_url=self.redis_url,
            pids={**self._servers.pids, **self._supervisor.pids},
            data_roots=list(map(str, self._settings.all_roots)),
        )

    def start(self) -> None:
        """Bring schema and parts up, wait until everything answers, and publish the addresses."""
        environment = self._environment()
        # From here on this process sees the servers as the parts do.
        os.environ.update({name: environment[name] for name in environment if name.startswith("PC_WORKER_")})
        wiring.check_servers(self.settings)
        wiring.check_models(self.settings)
        services = wiring.make_services(self.settings, application="pc_worker up")
        migrate(services.database, read_migrations(wiring.MIGRATIONS))
        for state in open_domains(services):
            log.warning("domain_odd", domain=state.domain, state=state.state, what=state.what)
        services.database.close()
        line = wiring.line_metrics(self.settings)
        export_metrics(self._addresses["metrics"], self._settings.home / "metrics", line=line)
        for name in COMPONENTS:
            argv = (sys.executable, "-m", "pc_worker", name)
            # If this process is killed, the servers end too. A graceful end is impossible then: a worker that gets
            # SIGTERM would reconnect to its broker without limit.
            of_part = environment_of(name, environment)
            self._supervisor.start(Command(name=name, argv=argv, env=of_part, death_signal=signal.SIGKILL))
        for name, is_ready in self._signs_of_life().items():
            if name in COMPONENTS:
                self._wait(name, is_ready)
        write_addresses(self._settings.home, self.addresses)

    def _signs_of_life(self) -> dict[str, Callable[[], bool]]:
        where = self._addresses
        return {
            "gateway": lambda: gateway_serves(where["gateway"].split(",")[0], self._settings),
            "http": lambda: http_serves(where["http"].split(",")[0], self._settings),
            "flower": lambda: answers(f"http://{where['flower']}/healthcheck"),
            "worker": lambda: worker_answers(self.redis_url),
        }

    @property
    def settings(self) -> Settings:
        """The settings as every component of this stack reads them."""
        urls = {"database_url": SecretStr(self.database_url), "redis_url": SecretStr(self.redis_url)}
        return self._settings.model_copy(
            update={**urls, "data_roots": (*self._settings.roots, *self._settings.url_roots)}
        )

    def _environment(self) -> dict[str, str]:
        # Of a server that is not ours, each part reads the settings itself: they may be in files.
        ours = {"PC_WORKER_DATABASE_URL": self._servers.database_url, "PC_WORKER_REDIS_URL": self._servers.redis_url}
        if self._settings.flower_auth is None:
            ours["PC_WORKER_FLOWER_AUTH"] = self._flower_auth
        return {
            **child_environment(os.environ),
            "PC_WORKER_HOME": str(self._settings.home),
            **{name: value for name, value in ours.items() if value},
            "PC_WORKER_DATA_ROOTS": ":".join(map(str, self._settings.all_roots)),
            "PC_WORKER_GATEWAY_ADDRESS": self._addresses["gateway"],
            "PC_WORKER_HTTP_ADDRESS": self._addresses["http"],
            "PC_WORKER_FLOWER_ADDRESS": self._addresses["flower"],
            "PC_WORKER_METRICS_ADDRESS": self._addresses["metrics"],
            FOLDER_VARIABLE: str(self._settings.home / "metrics"),
        }

    def _wait(self, name: str, ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + READY_S
        while not ready():
            self.tend()
            process = self._supervisor[name]
            if process.exit_code == InvalidRequest.exit_code:  # it would end so again
                raise InvalidRequest(f"the {name} refuses its settings: {process.failure_line.removeprefix('error: ')}")
            if process.deaths >= 3 or time.monotonic() > deadline:
                logs = self._settings.home / "logs" / f"{name}.log"
                raise Unavailable(f"the {name} does not come up: {process.failure_line or 'no word'} (see {logs})")
            time.sleep(0.1)

    def tend(self) -> None:
        """Start again what died; new pids are published."""
        restarted = [*self._servers.watch(), *self._supervisor.watch()]
        for name in restarted:
            log.warning("part_restarted", part=name)
        self._has_new_pids = self._has_new_pids or bool(restarted)
        if not self._has_new_pids or not (self._settings.home / "addresses.json").exists():
            return
        try:
            write_addresses(self._settings.home, self.addresses)
            self._has_new_pids = False
        except OSError as exc:  # a full disk: the parts go on, and the pids are written once there is space
            if restarted:
                log.warning("addresses_not_written", reason=str(exc))

    def stop(self) -> None:
        """Withdraw the addresses and end every part."""
        remove_addresses(self._settings.home)
        self._supervisor.stop(STOP_GRACE_S)


def _secret(value: SecretStr | None) -> str:
    return value.get_secret_value() if value is not None else ""


def environment_of(part: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a part: Flower, which has its own metrics, does not write them among ours."""
    left_out = (FOLDER_VARIABLE,) if part == "flower" else ()
    return {name: value for name, value in environment.items() if name not in left_out}


def answers(url: str) -> bool:
    """Return whether an HTTP address answers with success."""
    try:
        with direct_opener().open(url, timeout=2) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def worker_answers(redis_url: str) -> bool:
    """Return whether a worker answers a ping through the broker."""
    import celery
    import redis
    from celery.exceptions import OperationalError

    server = read_redis_url(redis_url)
    with celery.Celery(broker=server.for_celery, set_as_current=False) as app:
        app.conf.broker_use_ssl = server.tls_for_celery
        try:
            return bool(app.control.ping(timeout=1))
        except (OperationalError, redis.RedisError, OSError):  # the broker is unavailable for now
            return False


def until_signalled(tend: Callable[[], None]) -> None:
    """Call ``tend`` about every second until SIGINT or SIGTERM arrives."""
    # Not an Event: its lock is not reentrant, and the handler runs in the thread that waits, which may hold that lock.
    stop: SimpleQueue[int] = SimpleQueue()

    def ask(number: int, _frame: FrameType | None) -> None:
        stop.put(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, ask)
    while True:
        with suppress(Empty):
            stop.get(timeout=WATCH_S)
            return
        tend()
