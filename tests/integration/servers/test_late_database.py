"""`migrate --wait` on a host that starts before its database."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest

from pc_worker.embedded import EmbeddedServers
from tests.integration.servers.databases import execute
from tests.support.stack import environment, run_command
from tests.support.waiting import eventually


def variables(servers: EmbeddedServers, home: Path, name: str) -> dict[str, str]:
    """Return the environment of a command with a database of this name."""
    return environment(
        home,
        PC_WORKER_DATABASE_URL=f"{servers.database_url.rpartition('/')[0]}/{name}",
        PC_WORKER_REDIS_URL=servers.redis_url,
        PC_WORKER_DATA_ROOTS=str(home),
    )


def test_it_waits_for_a_database_that_is_not_there_yet(embedded_servers: EmbeddedServers, tmp_path: Path) -> None:
    name, err = f"late_{uuid4().hex}", tmp_path / "stderr"
    env = variables(embedded_servers, tmp_path, name)
    with err.open("wb") as errors:
        waiting = subprocess.Popen(
            [sys.executable, "-m", "pc_worker", "migrate", "--wait", "600"],
            env=env,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    try:
        report = "waiting up to 600 s: PostgreSQL does not answer"
        eventually(lambda: report in err.read_text(), what="the first failure")
        assert waiting.poll() is None

        execute(embedded_servers.database_url, f"CREATE DATABASE {name}")

        out, _ = waiting.communicate(timeout=120)
        assert (waiting.returncode, err.read_text().count("\n")) == (0, 1), err.read_text()
        assert "applied 0" in out
    finally:
        waiting.kill()
        waiting.wait()
        execute(embedded_servers.database_url, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.mark.parametrize(("options", "waited"), [((), False), (("--wait", "1"), True)])
def test_a_database_that_does_not_come_is_an_error(
    embedded_servers: EmbeddedServers, tmp_path: Path, options: tuple[str, ...], waited: bool
) -> None:
    env = variables(embedded_servers, tmp_path, f"never_{uuid4().hex}")

    done = run_command("migrate", *options, env=env)

    assert (done.code, done.out) == (69, "")
    assert done.err.splitlines()[-1].startswith("error: PostgreSQL does not answer")
    assert done.err.startswith("waiting up to 1 s: ") == waited
