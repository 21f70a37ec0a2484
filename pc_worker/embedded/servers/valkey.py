"""The embedded Redis-compatible server: its settings, its command, and when it is ready."""

from __future__ import annotations

import signal
import socket
from pathlib import Path

from pc_worker.embedded.home.ownership import Ownership, own_folder
from pc_worker.embedded.processes.process import Command
from pc_worker.embedded.servers.cluster import ENVIRONMENT
from pc_worker.embedded.servers.leftovers import end_leftovers
from pc_worker.embedded.servers.ports import HOST
from pc_worker.embedded.servers.software import redis_program

NAME = "redis"
SETTINGS = {
    "bind": HOST,
    "protected-mode": "yes",
    "daemonize": "no",
    "databases": "16",
    # A crash loses at most one second, which the reconciler restores from PostgreSQL.
    "appendonly": "yes",
    "appendfsync": "everysec",
    "save": '""',
    # A full server must reject writes, which callers notice, and not evict tasks, which they would not.
    "maxmemory-policy": "noeviction",
    "tcp-keepalive": "60",
    "loglevel": "notice",
    "logfile": '""',
}
#: What the kernel calls the program, whichever wheel it came from.
PROGRAMS = ("valkey-server", "redis-server")
#: Its answers to AUTH and PING.
_READY = b"+OK\r\n+PONG\r\n"


class Valkey:
    """The broker and queue server of a home; call ``prepare`` before anything else."""

    name = NAME

    def __init__(self, home: Path) -> None:
        self._data = home / "valkey"

    def prepare(self, password: str, *, is_new: bool) -> Ownership:
        """Prepare its folder, end servers left running, and return the lock on the folder.

        ``is_new`` does not matter here: the password is set at each start.

        Raises:
            ServiceFailed: If no server program is installed.
            OSError: If the folder cannot be written.
        """
        self._program, self._password = redis_program(), password
        self._data.mkdir(mode=0o700, exist_ok=True)
        ownership = own_folder(self._data)
        self._clear()
        return ownership

    def command(self, port: int) -> Command:
        """Return what to run; the configuration goes in by standard input, because it holds the password."""
        settings = SETTINGS | {"port": str(port), "dir": _quoted(self._data), "requirepass": self._password}
        return Command(
            name=NAME,
            argv=(str(self._program), "-"),
            env=ENVIRONMENT,
            stdin="".join(f"{name} {value}\n" for name, value in settings.items()).encode(),
            death_signal=signal.SIGTERM,
            before_start=self._clear,
        )

    def is_ready(self, port: int) -> bool:
        """Return whether it has loaded its data and answers; only our own server takes the password."""
        try:
            with socket.create_connection((HOST, port), timeout=1) as connection:
                connection.sendall(f"AUTH {self._password}\r\nPING\r\n".encode())
                return connection.makefile("rb").read(len(_READY)) == _READY
        except OSError:
            return False

    def url(self, port: int, password: str) -> str:
        """Return the URL of its first database."""
        return f"redis://:{password}@{HOST}:{port}/0"

    def _clear(self) -> None:
        end_leftovers(self._data.resolve(), PROGRAMS, signal.SIGTERM)


def _quoted(path: Path) -> str:
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
