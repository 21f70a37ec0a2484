"""Creates a database cluster atomically, and sets its password without a running server."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from pc_worker.embedded.home.account import Account
from pc_worker.embedded.processes.logfile import relevant_line
from pc_worker.embedded.processes.parent_death import parent_death_signal
from pc_worker.errors import ServiceFailed

#: The superuser's name and its database's.
ROLE = "pc_worker"
#: No variable of ours, such as PGPORT or LD_LIBRARY_PATH, may affect the server.
ENVIRONMENT: Mapping[str, str] = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


def version_of(data: Path) -> str | None:
    """Return the major version of the cluster in ``data``; None = there is none yet.

    Raises:
        ServiceFailed: If something else is there.
    """
    if not data.exists():
        return None
    try:
        return (data / "PG_VERSION").read_text().strip()
    except (FileNotFoundError, NotADirectoryError) as exc:
        raise ServiceFailed("postgres", f"{data} is no database: move it away to start with an empty one") from exc


def make_cluster(data: Path, *, programs: Path, account: Account | None, password: str) -> None:
    """Make a cluster with checksums, UTF-8 and the database ``pc_worker`` in ``data``, which must not exist.

    It is created under another name and renamed when it is complete; an incomplete one is created again.

    Raises:
        ServiceFailed: With the error of ``initdb``, for example a full disk.
    """
    partial = data.with_name(f"{data.name}.partial")
    if partial.exists():
        shutil.rmtree(partial)
    partial.mkdir(mode=0o700)
    if account is not None:
        os.chown(partial, account.uid, account.gid)
    _run(_initdb(programs, partial), account=account)
    _run_sql(f"CREATE DATABASE {ROLE}\n{_password_sql(password)}", partial, programs=programs, account=account)
    partial.rename(data)


def set_password(data: Path, *, programs: Path, account: Account | None, password: str) -> None:
    """Set a new password for the superuser of a stopped cluster.

    Raises:
        ServiceFailed: If the cluster cannot be opened.
    """
    _run_sql(_password_sql(password), data, programs=programs, account=account)


def _initdb(programs: Path, data: Path) -> list[str]:
    return [
        str(programs / "initdb"),
        f"--pgdata={data}",
        f"--username={ROLE}",
        # No socket exists, and loopback asks for the password, which is set before the first start.
        "--auth-local=reject",
        "--auth-host=scram-sha-256",
        "--encoding=UTF8",
        "--no-locale",
        "--data-checksums",
    ]


def _password_sql(password: str) -> str:
    return f"ALTER ROLE {ROLE} PASSWORD '{password}'\n"


def _run_sql(sql: str, data: Path, *, programs: Path, account: Account | None) -> None:
    # Single-user mode reads one statement a line, and goes on after errors unless configured otherwise.
    argv = [str(programs / "postgres"), "--single", "-D", str(data), "-c", "exit_on_error=true", "postgres"]
    _run(argv, account=account, stdin=sql.encode())


def _run(argv: Sequence[str], *, account: Account | None, stdin: bytes = b"") -> None:
    try:
        done = subprocess.run(
            argv,
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=ENVIRONMENT,
            cwd="/",
            user=None if account is None else account.uid,
            group=None if account is None else account.gid,
            extra_groups=None if account is None else [],
            preexec_fn=parent_death_signal(signal.SIGKILL),
            check=False,
        )
    except OSError as exc:
        raise ServiceFailed("postgres", f"{argv[0]} cannot be executed ({exc})") from exc
    if done.returncode != 0:
        raise ServiceFailed("postgres", relevant_line(done.stdout.decode(errors="replace")))
