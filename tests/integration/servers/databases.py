"""Databases and poolers in states that the line must notice."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg2
import pytest

from pc_worker.urls import read_database_url
from tests.acceptance.test_parts_alone import free_address
from tests.support.waiting import eventually

INI = """
[databases]
* = host={host} port={port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {own}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {folder}/users
pool_mode = {mode}
"""


def execute(url: str, *statements: str) -> list[tuple[object, ...]]:
    """Run statements outside transactions; return the result of the last one."""
    with closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []


@contextmanager
def new_database(server_url: str, options: str = "") -> Iterator[str]:
    """Yield a database for one test."""
    name = f"state_{uuid4().hex[:12]}"
    execute(server_url, f"CREATE DATABASE {name} {options}")
    try:
        yield f"{server_url.rpartition('/')[0]}/{name}"
    finally:
        execute(server_url, f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def pgbouncer(url: str, *, mode: str) -> Iterator[str]:
    """Run PgBouncer in front of a database; yield the URL through it."""
    program = shutil.which("pgbouncer")
    if program is None:
        pytest.skip("pgbouncer is not installed")
    server = read_database_url(url)
    [(host, port)] = server.hosts
    own = free_address().rpartition(":")[2]
    through = url.replace(f":{port}/", f":{own}/")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "users").write_text(f'"{server.user}" "{server.password}"\n')
        (folder / "ini").write_text(INI.format(host=host, port=port, own=own, folder=folder, mode=mode))
        account = ["-u", "nobody"] if os.getuid() == 0 else []  # it does not run as root
        folder.chmod(0o755)
        with subprocess.Popen([program, "-q", *account, str(folder / "ini")]) as process:
            try:
                eventually(lambda: answers(through), what="pgbouncer")
                yield through
            finally:
                process.terminate()


def answers(url: str) -> bool:
    try:
        return execute(url, "SELECT 1") == [(1,)]
    except psycopg2.OperationalError:
        return False
