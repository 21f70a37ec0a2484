"""addresses.json: who may be believed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pc_worker.embedded import Addresses, read_addresses, remove_addresses, write_addresses

ADDRESSES = Addresses(
    gateway="127.0.0.1:50051",
    http="127.0.0.1:8080",
    flower="127.0.0.1:5555",
    flower_auth="user:secret",
    metrics="127.0.0.1:9464",
    database_url="postgresql://pc_worker:secret@127.0.0.1:5432/pc_worker",
    redis_url="redis://:secret@127.0.0.1:6379/0",
    pids={"postgres": 1},
)


def _edit(home: Path, **changes: Any) -> None:
    path = home / "addresses.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_what_a_living_owner_wrote_is_read_back_with_the_owner_among_the_pids(tmp_path: Path) -> None:
    write_addresses(tmp_path, ADDRESSES)

    read = read_addresses(tmp_path)

    assert read is not None
    assert read.pids == {"postgres": 1, "up": os.getpid()}
    assert (read.gateway, read.redis_url) == (ADDRESSES.gateway, ADDRESSES.redis_url)


def test_the_file_is_for_its_owner_only(tmp_path: Path) -> None:
    write_addresses(tmp_path, ADDRESSES)

    assert (tmp_path / "addresses.json").stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == ["addresses.json"]


def test_secrets_stay_out_of_the_repr() -> None:
    assert "secret" not in repr(ADDRESSES)


def test_an_owner_killed_by_9_leaves_nothing_to_believe(tmp_path: Path) -> None:
    script = (
        "import os, sys, pathlib; from tests.unit.embedded.test_addresses import ADDRESSES, write_addresses;"
        "write_addresses(pathlib.Path(sys.argv[1]), ADDRESSES); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)

    assert (tmp_path / "addresses.json").exists()
    assert read_addresses(tmp_path) is None


def test_a_reused_pid_fools_nobody(tmp_path: Path) -> None:
    write_addresses(tmp_path, ADDRESSES)
    _edit(tmp_path, pids={"up": 1})

    assert read_addresses(tmp_path) is None


@pytest.mark.parametrize("content", ["", "{", "[]", "null", "{}", '{"pids": {"up": 1}}', '{"pids": {"up": "x"}}'])
def test_a_file_of_other_making_is_no_stack(tmp_path: Path, content: str) -> None:
    (tmp_path / "addresses.json").write_text(content)

    assert read_addresses(tmp_path) is None


def test_no_home_is_no_stack(tmp_path: Path) -> None:
    assert read_addresses(tmp_path / "none") is None


def test_withdrawn_addresses_are_gone_and_withdrawing_twice_is_harmless(tmp_path: Path) -> None:
    write_addresses(tmp_path, ADDRESSES)

    remove_addresses(tmp_path)
    remove_addresses(tmp_path)

    assert read_addresses(tmp_path) is None
