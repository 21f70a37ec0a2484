"""The two servers of one home, PostgreSQL and a Redis-compatible one, owned by this process."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

from pc_worker.embedded.home.ownership import own_home
from pc_worker.embedded.home.state import ServerState, new_state, read_state, write_state
from pc_worker.embedded.processes.supervisor import Supervisor
from pc_worker.embedded.servers.launch import Server, await_server, launch
from pc_worker.embedded.servers.postgres import Postgres
from pc_worker.embedded.servers.valkey import Valkey
from pc_worker.errors import HomeUnusable, ServiceFailed

#: A clean stop writes at most the 128 MB of shared buffers.
STOP_GRACE_S = 30.0


class EmbeddedServers:
    """Running servers. Use it from the main thread: when that ends, also by ``kill -9``, the kernel stops them."""

    def __init__(self, supervisor: Supervisor, urls: dict[str, str], held: contextlib.ExitStack) -> None:
        self._supervisor, self._urls, self._held = supervisor, urls, held

    @property
    def database_url(self) -> str:
        """URL of the database on loopback, with its password; empty if PostgreSQL was not requested."""
        return self._urls.get("postgres", "")

    @property
    def redis_url(self) -> str:
        """URL of the Redis-compatible server, with its password; empty if it was not requested."""
        return self._urls.get("redis", "")

    @property
    def pids(self) -> dict[str, int]:
        """``postgres`` and ``redis`` → pid, of those that run now."""
        return self._supervisor.pids

    def watch(self) -> list[str]:
        """Start a server that died again, on its port and data, with backoff; does not wait until it is ready.

        Call it about every second. Returns the names of those started now.
        """
        return self._supervisor.watch()

    def stop(self) -> None:
        """Stop both cleanly and release the home; a second call does nothing."""
        self._held.close()


def start_servers(home: Path, *, need_postgres: bool = True, need_redis: bool = True) -> EmbeddedServers:
    """Lock ``home`` and start its servers, each on its last port if that is still free.

    The home is owned even if no server is needed. A first start takes about 2 seconds, later ones a fraction of one.

    Raises:
        HomeInUse: If another process owns the home.
        HomeUnusable: If the home belongs to another user, or cannot be written.
        ServiceFailed: If a server does not start, with its reason.
        RuntimeError: If called outside the main thread.
    """
    if sys.platform != "linux" and (need_postgres or need_redis):
        raise ServiceFailed("servers", "they need Linux: set PC_WORKER_DATABASE_URL and PC_WORKER_REDIS_URL")
    servers: list[Server] = [Postgres(home)] if need_postgres else []
    if need_redis:
        servers.append(Valkey(home))
    with contextlib.ExitStack() as held:
        held.enter_context(own_home(home))
        try:
            urls, supervisor = _start(home, servers, held)
        except OSError as exc:
            raise HomeUnusable(home, f"cannot hold the servers' data ({exc}): fix that") from exc
        return EmbeddedServers(supervisor, urls, held.pop_all())


def _start(home: Path, servers: list[Server], held: contextlib.ExitStack) -> tuple[dict[str, str], Supervisor]:
    remembered = read_state(home)
    state = {server.name: remembered.get(server.name) or new_state() for server in servers}
    for server in servers:
        is_new = server.name not in remembered
        held.enter_context(server.prepare(state[server.name].password, is_new=is_new))
    supervisor = Supervisor(home / "logs")
    held.callback(supervisor.stop, STOP_GRACE_S)
    launched = [(server, launch(supervisor, server, state[server.name].port)) for server in servers]
    ports = {server.name: await_server(supervisor, server, port) for server, port in launched}
    now = {name: ServerState(password=state[name].password, port=port) for name, port in ports.items()}
    write_state(home, remembered | now)
    return {server.name: server.url(ports[server.name], state[server.name].password) for server in servers}, supervisor
