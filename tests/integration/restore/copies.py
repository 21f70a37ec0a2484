"""Two ways of backup: PostgreSQL's own dump, and a copy of its files while it is down, as a snapshot of a volume is."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import psycopg2

from pc_worker.embedded.servers.software import POSTGRES_FOLDERS, postgres_programs
from tests.integration.gateway.servers import Servers

#: The embedded server's own tools: they fit its version, wherever the tests run.
TOOLS = postgres_programs(next(iter(POSTGRES_FOLDERS)), account=None, place=Path())


class Dump:
    """``pg_dump`` to a file, ``pg_restore`` into the emptied database."""

    def __init__(self, servers: Servers, url: str, folder: Path) -> None:
        self._server, self._url, self._file = servers.database_url, url, folder / "backup.dump"

    def take(self) -> None:
        _tool("pg_dump", "--format=custom", f"--file={self._file}", self._url)

    def restore(self) -> None:
        name = urlsplit(self._url).path[1:]
        for statement in (f"DROP DATABASE {name} WITH (FORCE)", f"CREATE DATABASE {name}"):
            _administer(self._server, statement)
        _tool("pg_restore", "--exit-on-error", f"--dbname={self._url}", str(self._file))


class Files:
    """A copy of the data folder, put back later."""

    def __init__(self, servers: Servers, url: str, folder: Path) -> None:
        self._servers, self._backup = servers, folder / "backup"
        self._data = _setting(url, "data_directory")

    def take(self) -> None:
        with self._servers.stopped("postgres"):
            shutil.copytree(self._data, self._backup, ignore=_no_sockets, symlinks=True)

    def restore(self) -> None:
        with self._servers.stopped("postgres"):
            owner = self._data.stat()
            for child in self._data.iterdir():
                _remove(child)
            shutil.copytree(self._backup, self._data, symlinks=True, dirs_exist_ok=True)
            for path in [self._data, *self._data.rglob("*")]:  # as a tool for backups does
                os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


Backup = Callable[[Servers, str, Path], Dump | Files]


def _no_sockets(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if (Path(folder) / name).is_socket() or name == "postmaster.pid"]


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _tool(name: str, *arguments: str) -> None:
    done = subprocess.run([TOOLS / name, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def _setting(url: str, name: str) -> Path:
    connection = psycopg2.connect(url)
    with connection.cursor() as cursor:
        cursor.execute(f"SHOW {name}")
        (value,) = cursor.fetchone() or ("",)
    connection.close()
    return Path(value)


def _administer(url: str, statement: str) -> None:
    connection = psycopg2.connect(url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(statement)
    connection.close()
