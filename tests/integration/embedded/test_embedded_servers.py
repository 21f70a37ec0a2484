"""The two servers of a home: private, kept between runs, restarted when they die."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import redis

from pc_worker.embedded import EmbeddedServers, start_servers
from pc_worker.errors import HomeInUse, ServiceFailed
from tests.homes import temporary_home
from tests.integration.embedded.owners import eventually


@contextmanager
def running(home: Path, **options: bool) -> Iterator[EmbeddedServers]:
    servers = start_servers(home, **options)
    try:
        yield servers
    finally:
        servers.stop()


@pytest.fixture(scope="module")
def shared() -> Iterator[EmbeddedServers]:
    """Yield servers for tests that only look."""
    with temporary_home() as folder, running(folder) as servers:
        yield servers


def query(url: str, sql: str) -> Any:
    with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(sql)
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


def answers(url: str) -> bool:
    try:
        return bool(query(url, "SELECT 1") == 1)
    except psycopg2.OperationalError:
        return False


def client(url: str) -> redis.Redis:
    return redis.Redis.from_url(url)


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2].partition("/")[0])


def test_both_servers_answer_as_they_were_set_up(shared: EmbeddedServers) -> None:
    query(shared.database_url, "CREATE EXTENSION vector")
    assert query(shared.database_url, "SELECT '[1,2]'::vector <=> '[1,2]'") == 0
    assert query(shared.database_url, "SHOW data_checksums") == "on"
    assert query(shared.database_url, "SHOW server_encoding") == "UTF8"
    assert query(shared.database_url, "SHOW fsync") == "on"
    with client(shared.redis_url) as connection:
        assert connection.config_get("appendonly") == {"appendonly": "yes"}
        assert connection.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}


def test_nobody_gets_in_without_the_password(shared: EmbeddedServers) -> None:
    host = shared.database_url.rpartition("@")[2]
    with pytest.raises(psycopg2.OperationalError, match="authentication failed"):
        psycopg2.connect(f"postgresql://pc_worker:wrong@{host}")
    with (
        redis.Redis(port=port_of(shared.redis_url)) as connection,
        pytest.raises(redis.AuthenticationError),
    ):
        connection.ping()


def test_both_listen_on_loopback_alone(shared: EmbeddedServers) -> None:
    for port in (port_of(shared.database_url), port_of(shared.redis_url)):
        listening = f":{port:04X} 00000000:0000 0A"
        lines = [line for line in Path("/proc/net/tcp").read_text().splitlines() if listening in line]
        assert [line.split()[1] for line in lines] == [f"0100007F:{port:04X}"]


def test_no_secret_is_seen_in_process_lists_or_readable_files(home: Path) -> None:
    with running(home) as servers:
        secrets = [url.split("@")[0].rpartition(":")[2] for url in (servers.database_url, servers.redis_url)]
        for pid in servers.pids.values():
            shown = Path(f"/proc/{pid}/cmdline").read_text() + Path(f"/proc/{pid}/environ").read_text()
            assert not any(secret in shown for secret in secrets)
        for path in (path for path in home.rglob("*") if path.is_file() and path.stat().st_mode & 0o077):
            assert not any(secret.encode() in path.read_bytes() for secret in secrets), path


def test_data_passwords_and_ports_are_kept_between_runs(home: Path) -> None:
    with running(home) as servers:
        before = (servers.database_url, servers.redis_url)
        query(servers.database_url, "CREATE TABLE kept AS SELECT 42 AS value")
        with client(servers.redis_url) as connection:
            connection.set("pcw:kept", "42")

    with running(home) as servers:
        assert (servers.database_url, servers.redis_url) == before
        assert query(servers.database_url, "SELECT value FROM kept") == 42
        with client(servers.redis_url) as connection:
            assert connection.get("pcw:kept") == b"42"


def test_a_port_that_was_taken_meanwhile_is_replaced(home: Path) -> None:
    with running(home) as servers:
        port = port_of(servers.database_url)
    with socket.create_server(("127.0.0.1", port)), running(home) as servers:
        assert port_of(servers.database_url) != port
        assert answers(servers.database_url)


def test_only_what_is_needed_is_started(home: Path) -> None:
    with running(home, need_postgres=False) as servers:
        assert set(servers.pids) == {"redis"}
        assert servers.database_url == ""


def test_a_home_is_owned_even_where_no_server_is_needed(home: Path) -> None:
    with running(home, need_postgres=False, need_redis=False) as servers:
        assert servers.pids == {}
        with pytest.raises(HomeInUse):
            start_servers(home)


def test_two_homes_run_side_by_side(home: Path, other_home: Path) -> None:
    with running(home) as one, running(other_home) as two:
        assert answers(one.database_url)
        assert answers(two.database_url)
        assert len({port_of(url) for url in (one.database_url, two.database_url, one.redis_url, two.redis_url)}) == 4


@pytest.mark.parametrize("name", ["postgres", "redis"])
def test_a_server_that_dies_is_started_again_on_its_port_with_its_data(home: Path, name: str) -> None:
    with running(home) as servers:
        query(servers.database_url, "CREATE TABLE kept AS SELECT 42 AS value")
        pid = servers.pids[name]
        os.kill(pid, signal.SIGKILL)

        eventually(lambda: servers.watch() == [name])

        assert servers.pids[name] != pid
        eventually(lambda: answers(servers.database_url))
        assert query(servers.database_url, "SELECT value FROM kept") == 42
        with client(servers.redis_url) as connection:
            eventually(lambda: _pings(connection))
        assert servers.watch() == []


def _pings(connection: redis.Redis) -> bool:
    try:
        return bool(connection.ping())
    except redis.ConnectionError:
        return False


def test_stopping_twice_is_harmless_and_leaves_no_process(home: Path) -> None:
    servers = start_servers(home)
    pids = servers.pids
    servers.stop()
    servers.stop()

    assert not [pid for pid in pids.values() if os.path.exists(f"/proc/{pid}")]
    assert servers.watch() == []
    assert servers.pids == {}


def test_a_stale_pid_file_that_names_a_living_stranger_is_survived(home: Path) -> None:
    with running(home):
        pass
    pid_file = home / "postgres" / "data" / "postmaster.pid"
    pid_file.write_text(f"{os.getppid()}\n{pid_file.parent}\n0\n5432\n\n127.0.0.1\n\nready\n")

    with running(home) as servers:
        assert answers(servers.database_url)


def test_a_cluster_half_made_is_made_anew(home: Path) -> None:
    partial = home / "postgres" / "data.partial"
    partial.mkdir(parents=True)
    (partial / "PG_VERSION").write_text("18")

    with running(home, need_redis=False) as servers:
        assert answers(servers.database_url)
    assert not partial.exists()


def test_a_lost_password_file_costs_no_data(home: Path) -> None:
    with running(home) as servers:
        query(servers.database_url, "CREATE TABLE kept AS SELECT 42 AS value")
    (home / "embedded.json").unlink()

    with running(home) as servers:
        assert query(servers.database_url, "SELECT value FROM kept") == 42


def test_a_folder_that_is_no_database_is_named_and_left_alone(home: Path) -> None:
    data = home / "postgres" / "data"
    data.mkdir(parents=True)
    (data / "precious").touch()

    with pytest.raises(ServiceFailed, match="is no database: move it away"):
        start_servers(home)
    assert (data / "precious").exists()


def test_a_damaged_database_is_one_clear_sentence_and_the_home_is_free_again(home: Path) -> None:
    with running(home, need_redis=False):
        pass
    shutil.rmtree(home / "postgres" / "data" / "pg_wal")

    for _ in range(2):
        with pytest.raises(ServiceFailed, match=r"the embedded postgres did not start: .*FATAL.*pg_wal"):
            start_servers(home)


def test_servers_are_started_from_the_main_thread_alone(home: Path) -> None:
    caught: list[BaseException] = []

    def start() -> None:
        try:
            start_servers(home)
        except RuntimeError as exc:
            caught.append(exc)

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()

    assert "main thread" in str(caught[0])


def test_a_server_that_outlived_its_owner_is_ended_before_a_new_one_starts(home: Path) -> None:
    with running(home) as servers:
        query(servers.database_url, "CREATE TABLE kept AS SELECT 42 AS value")
        argv = Path(f"/proc/{servers.pids['postgres']}/cmdline").read_text().rstrip("\0").split("\0")
        uid = Path(f"/proc/{servers.pids['postgres']}").stat().st_uid
    survivor = subprocess.Popen(argv, user=uid, stderr=subprocess.DEVNULL)
    pid_file = home / "postgres" / "data" / "postmaster.pid"
    eventually(lambda: pid_file.exists() and "ready" in pid_file.read_text())

    with running(home) as servers:
        assert survivor.wait(timeout=10) == 0
        assert query(servers.database_url, "SELECT value FROM kept") == 42
