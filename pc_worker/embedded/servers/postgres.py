"""The embedded PostgreSQL: its settings, its command, and when it is ready."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from pc_worker.embedded.home.account import server_account
from pc_worker.embedded.home.ownership import Ownership, own_folder
from pc_worker.embedded.home.placement import NAME, place_for
from pc_worker.embedded.processes.process import Command
from pc_worker.embedded.servers.cluster import ENVIRONMENT, ROLE, make_cluster, set_password, version_of
from pc_worker.embedded.servers.leftovers import end_leftovers
from pc_worker.embedded.servers.ports import HOST
from pc_worker.embedded.servers.software import POSTGRES_FOLDERS, postgres_programs

SETTINGS = {
    "listen_addresses": HOST,
    # Loopback with a password is the only way in: no socket file to guard, to leak or to have too long a path.
    "unix_socket_directories": "",
    "max_connections": "100",
    # An eighth of the memory, 1 GB at most: vector searches live on it. Only what is touched is taken.
    "shared_buffers": f"{min(1024, os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') // 8 // 1024**2)}MB",
    "work_mem": "16MB",
    "maintenance_work_mem": "256MB",  # vector indexes build fast only while they fit
    "effective_cache_size": "1GB",
    "random_page_cost": "1.1",  # SSDs
    "jit": "off",  # the wheel has no JIT to load
    # There are no replicas, and minimal WAL makes bulk loads into new tables cheaper.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_logical_replication_workers": "0",
    "max_wal_size": "2GB",
    "min_wal_size": "128MB",
    "checkpoint_timeout": "15min",
    "log_checkpoints": "off",
    # Messages would otherwise carry rows' text: statements, failing values and COPY lines.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_line_prefix": "%m [%p] ",
    "log_timezone": "UTC",
    "timezone": "UTC",
}
#: From version 18 on: asynchronous I/O would keep three more processes.
SETTINGS_18 = {"io_method": "sync"}


class Postgres:
    """The database server of a home; call ``prepare`` before anything else."""

    name = NAME

    def __init__(self, home: Path) -> None:
        self._home = home
        self._account = server_account()

    def prepare(self, password: str, *, is_new: bool) -> Ownership:
        """Prepare folder, programs and cluster, end servers left running, and return the lock on the folder.

        ``is_new`` says that the cluster, if there is one, has another password.

        Raises:
            HomeInUse: If another home's owner works on the same data, as a copied home's may.
            ServiceFailed: If the cluster cannot be made or belongs to an unknown version.
            OSError: If a folder cannot be written.
        """
        if not (self._home / NAME).is_symlink():  # what a link leads to is only ours under its own lock, below
            self._end_leftovers(self._home / NAME / "data")
        place = place_for(self._home, self._account)
        ownership = own_folder(place)
        self._data = place / "data"
        try:
            self._clear()
            self._prepare_cluster(place, password, is_new=is_new)
        except BaseException:
            ownership.release()
            raise
        return ownership

    def command(self, port: int) -> Command:
        """Return the command; the password is in the cluster."""
        settings = SETTINGS | (SETTINGS_18 if self._version == "18" else {}) | {"port": str(port)}
        options = [option for name, value in settings.items() for option in ("-c", f"{name}={value}")]
        return Command(
            name=NAME,
            argv=(str(self._programs / "postgres"), "-D", str(self._data), *options),
            env=ENVIRONMENT,
            account=self._account,
            # SIGINT is its fast shutdown: sessions end, everything is written.
            stop_signal=signal.SIGINT,
            death_signal=signal.SIGINT,
            before_start=self._clear,
        )

    def is_ready(self, port: int) -> bool:
        """Return whether the server started last takes connections on ``port``."""
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        # The server's own interface to pg_ctl: the fourth line is its port, the eighth its state. No older
        # server's file can be here, because `_clear` removed it.
        return len(lines) >= 8 and lines[3] == str(port) and lines[7].strip() == "ready"

    def url(self, port: int, password: str) -> str:
        """Return the libpq URL of the database."""
        return f"postgresql://{ROLE}:{password}@{HOST}:{port}/{ROLE}"

    def _prepare_cluster(self, place: Path, password: str, *, is_new: bool) -> None:
        found = version_of(self._data)
        self._version = found or next(iter(POSTGRES_FOLDERS))
        self._programs = postgres_programs(self._version, account=self._account, place=place)
        if found is None:
            make_cluster(self._data, programs=self._programs, account=self._account, password=password)
        elif is_new:
            set_password(self._data, programs=self._programs, account=self._account, password=password)

    def _clear(self) -> None:
        self._end_leftovers(self._data)
        # None of its processes lives, so the file is stale; its pid may by now be some other program's.
        (self._data / "postmaster.pid").unlink(missing_ok=True)

    def _end_leftovers(self, data: Path) -> None:
        end_leftovers(data.resolve(), ("postgres",), signal.SIGINT)
