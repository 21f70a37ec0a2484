"""Starts servers on free ports and waits until they answer."""

from __future__ import annotations

import time
from typing import Protocol

from pc_worker.embedded.home.ownership import Ownership
from pc_worker.embedded.processes.process import Command
from pc_worker.embedded.processes.supervisor import Supervisor
from pc_worker.embedded.servers.ports import free_port
from pc_worker.errors import ServiceFailed

#: Recovery after a crash reads at most 2 GB of log; a server that takes longer than this is stuck.
TIMEOUT_S = 120.0
#: Between our finding a free port and the server's taking it, another program may take it.
PORT_ATTEMPTS = 3
POLL_S = 0.01


class Server(Protocol):
    """What is needed to run a server."""

    name: str

    def prepare(self, password: str, *, is_new: bool) -> Ownership:
        """Prepare folders and data, end servers left running, and return the lock on the folder."""

    def command(self, port: int) -> Command:
        """Return what to run."""

    def is_ready(self, port: int) -> bool:
        """Return whether it takes connections."""

    def url(self, port: int, password: str) -> str:
        """Return its URL."""


def launch(supervisor: Supervisor, server: Server, preferred_port: int | None) -> int:
    """Start a prepared server, without waiting; return its port.

    Raises:
        ServiceFailed: If its program cannot be executed.
    """
    port = free_port(preferred_port)
    try:
        supervisor.start(server.command(port))
    except OSError as exc:
        raise ServiceFailed(server.name, f"it cannot be executed ({exc})") from exc
    return port


def await_server(supervisor: Supervisor, server: Server, port: int) -> int:
    """Wait until a launched server answers; return its port, which differs if the first was taken meanwhile.

    Raises:
        ServiceFailed: If it ends, or does not answer in two minutes.
    """
    for _ in range(PORT_ATTEMPTS):
        if _answers(supervisor, server, port):
            return port
        if "Address already in use" not in supervisor[server.name].log.recent():
            break
        port = launch(supervisor, server, None)
    process = supervisor[server.name]
    raise ServiceFailed(server.name, f"{process.failure_line} (see {process.log.path})")


def _answers(supervisor: Supervisor, server: Server, port: int) -> bool:
    process = supervisor[server.name]
    deadline = time.monotonic() + TIMEOUT_S
    while process.pid is not None:
        if server.is_ready(port):
            return True
        if time.monotonic() > deadline:
            reason = f"no answer in {TIMEOUT_S:.0f} s; last output: {process.failure_line}"
            raise ServiceFailed(server.name, f"{reason} (see {process.log.path})")
        time.sleep(POLL_S)
    return False
