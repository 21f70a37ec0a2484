"""Servers that the line cannot work with end the start of every part: one line, and no part of a password in it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pc_worker.embedded import EmbeddedServers, start_servers
from pc_worker.urls import read_database_url, read_redis_url
from pc_worker.wiring import redis_client
from tests.integration.servers.databases import execute
from tests.support.stack import environment


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServers]:
    """Yield servers of this module: it puts them into invalid states."""
    running = start_servers(tmp_path_factory.mktemp("unfit"))
    yield running
    running.stop()


def command_of(part: str) -> list[str]:
    """Return the command that starts a part; a worker can be started by Celery's own, too."""
    if part == "celery":
        return [sys.executable, "-m", "celery", "-A", "tasks", "worker", "--concurrency=1"]
    return [sys.executable, "-m", "pc_worker", part]


def ends_of(
    parts: tuple[str, ...], home: Path, servers: EmbeddedServers, database_url: str
) -> dict[str, tuple[int, str]]:
    """Start components in parallel; return exit code and output of each."""
    database, redis = read_database_url(database_url), read_redis_url(servers.redis_url)
    [(host, port)] = database.hosts
    home.mkdir(exist_ok=True)
    (home / "secret").write_text(f"{database.password}\n")
    env = environment(
        home,
        PC_WORKER_DATABASE_URL=f"postgresql://{host}:{port}/{database.database}",
        PC_WORKER_DATABASE_USER=database.user,
        PC_WORKER_DATABASE_PASSWORD_FILE=str(home / "secret"),
        PC_WORKER_REDIS_URL=f"redis://{redis.host}:{redis.port}",
        PC_WORKER_REDIS_PASSWORD=redis.password or "",
        PC_WORKER_DATA_ROOTS=str(home),
    )
    started = {part: subprocess.Popen(command_of(part), env=env, stderr=subprocess.PIPE, text=True) for part in parts}
    ends = {}
    for part, process in started.items():
        said = process.communicate(timeout=60)[1]
        assert not [secret for secret in (database.password, redis.password) if secret and secret in said], part
        ends[part] = (process.returncode, said)
    return ends


def assert_one_line(ends: dict[str, tuple[int, str]], code: int, words: str) -> None:
    for part, (ended, said) in ends.items():
        assert ended == code, (part, ended, said)
        assert words in said, (part, said)
        assert said.startswith("error: "), (part, said)
        assert said.count("\n") == 1, (part, said)


def test_a_database_of_another_encoding(servers: EmbeddedServers, tmp_path: Path) -> None:
    url = servers.database_url.rpartition("/")[0] + "/hangul"
    execute(servers.database_url, "CREATE DATABASE hangul ENCODING 'EUC_KR' TEMPLATE template0")

    ends = ends_of(("worker", "beat", "gateway", "migrate", "up"), tmp_path, servers, url)

    assert_one_line(ends, 2, "EUC_KR")


def test_a_database_without_writes(servers: EmbeddedServers, tmp_path: Path) -> None:
    execute(
        servers.database_url, "CREATE DATABASE fixed", "ALTER DATABASE fixed SET default_transaction_read_only = on"
    )

    url = servers.database_url.rpartition("/")[0] + "/fixed"
    ends = ends_of(("worker", "celery", "migrate"), tmp_path, servers, url)

    assert_one_line(ends, 69, "takes no writes")


def test_a_redis_that_forgets(servers: EmbeddedServers, tmp_path: Path) -> None:
    with redis_client(servers.redis_url) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        try:
            ends = ends_of(("flower", "beat"), tmp_path, servers, servers.database_url)
        finally:
            client.config_set("maxmemory-policy", "noeviction")

    assert_one_line(ends, 2, "allkeys-lru")


def test_a_wrong_url_is_one_line_of_celerys_own_command_too(tmp_path: Path) -> None:
    env = environment(tmp_path, PC_WORKER_DATABASE_URL="mysql://me:hidden@db/x", PC_WORKER_DATA_ROOTS=str(tmp_path))

    ended = subprocess.run(command_of("celery"), env=env, capture_output=True, text=True, timeout=60)

    assert_one_line({"celery": (ended.returncode, ended.stderr)}, 2, "PC_WORKER_DATABASE_URL")
    assert "hidden" not in ended.stderr
