"""A signal ends a command that waits in PostgreSQL: for another `migrate`, for a lock, for a long statement."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from subprocess import PIPE

import psycopg2
import pytest

from pc_worker.embedded import EmbeddedServers, read_addresses
from pc_worker.store.db.migrations import LOCK
from tests.support.locks import wait_for_waiting_statement, waits_for_lock
from tests.support.stack import environment
from tests.support.waiting import eventually


@contextmanager
def locked(database_url: str, *statements: str) -> Iterator[None]:
    """Hold locks in another session."""
    with closing(psycopg2.connect(database_url)) as other, other.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        yield


@contextmanager
def started(arguments: tuple[str, ...], env: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "pc_worker", *arguments], env=env, stdout=PIPE, stderr=PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(
    ("arguments", "number", "code"),
    [
        (("migrate",), signal.SIGINT, 130),
        (("up",), signal.SIGINT, 0),
        (("up",), signal.SIGTERM, 0),
        (("models", "list"), signal.SIGINT, 130),
        (("migrate",), signal.SIGTERM, 143),
        (("models", "list"), signal.SIGTERM, 143),
    ],
    ids=["migrate", "up, Ctrl-C", "up, SIGTERM", "a command", "migrate, SIGTERM", "a command, SIGTERM"],
)
def test_a_signal_ends_the_wait_for_a_lock(
    embedded_servers: EmbeddedServers,
    database_url: str,
    tmp_path: Path,
    arguments: tuple[str, ...],
    number: signal.Signals,
    code: int,
) -> None:
    urls = {"PC_WORKER_DATABASE_URL": database_url, "PC_WORKER_REDIS_URL": embedded_servers.redis_url}
    env = environment(tmp_path, **urls, PC_WORKER_DATA_ROOTS=str(tmp_path))
    held = (f"SELECT pg_advisory_lock({LOCK})", "LOCK TABLE models IN ACCESS EXCLUSIVE MODE")

    with locked(database_url, *held), started(arguments, env) as process:
        wait_for_waiting_statement(database_url)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
        # The server, too, is done with it: a process that is only killed leaves its statement there.
        eventually(lambda: not waits_for_lock(database_url, "pc_worker %"), what="the end of the statement")

    assert (process.returncode, out, err) == (code, "", "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_demo_that_waits_in_its_own_database(tmp_path: Path, number: signal.Signals) -> None:
    """The stack that the demo started is stopped, too."""
    with started(("demo",), environment(tmp_path)) as process:
        stack = eventually(lambda: read_addresses(tmp_path), within_s=120, what="the demo's stack")
        assert stack is not None
        url = stack.database_url
        with locked(url, "LOCK TABLE jobs IN ACCESS EXCLUSIVE MODE"):
            eventually(lambda: waits_for_lock(url, "pc_worker demo"), what="a statement of the demo that waits")
            process.send_signal(number)
            eventually(lambda: not waits_for_lock(url, "pc_worker demo"), what="the end of the statement")
        out, err = process.communicate(timeout=90)

    assert process.returncode == 128 + number
    assert "Traceback" not in out + err
    assert "error:" not in err
    assert read_addresses(tmp_path) is None
    # It was not its time that was over: a wait for a lock ends by itself, but only after twenty seconds.
    assert "canceling statement due to user request" in (tmp_path / "logs" / "postgres.log").read_text()
