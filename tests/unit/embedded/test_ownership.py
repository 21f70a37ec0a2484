"""One owner per home."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pc_worker.embedded.home.ownership import own_home
from pc_worker.errors import HomeInUse, HomeUnusable


def test_a_second_owner_is_refused_and_told_by_whom(tmp_path: Path) -> None:
    with own_home(tmp_path / "home"), pytest.raises(HomeInUse, match=f"in use by process {os.getpid()}: stop it, or"):
        own_home(tmp_path / "home")


def test_a_released_home_is_free(tmp_path: Path) -> None:
    first = own_home(tmp_path)
    first.release()
    first.release()

    own_home(tmp_path).release()


def test_an_owner_killed_by_9_leaves_the_home_free(tmp_path: Path) -> None:
    script = (
        "import os, sys, pathlib; from pc_worker.embedded.home.ownership import own_home;"
        "owned = own_home(pathlib.Path(sys.argv[1])); os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False).returncode == -9

    own_home(tmp_path).release()


def test_a_child_does_not_keep_the_home(tmp_path: Path) -> None:
    owned = own_home(tmp_path)
    child = subprocess.Popen(["sleep", "60"])
    try:
        owned.release()

        own_home(tmp_path).release()
    finally:
        child.kill()
        child.wait()


def test_a_file_is_no_home(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(HomeUnusable, match=r"cannot be used \(Not a directory\)"):
        own_home(tmp_path / "file")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make another user's files")
def test_a_home_that_another_user_began_is_refused_with_the_users_name(tmp_path: Path) -> None:
    (tmp_path / "owner.lock").touch()
    os.chown(tmp_path / "owner.lock", 65534, 65534)

    with pytest.raises(HomeUnusable, match="belongs to user nobody: run as nobody, or set PC_WORKER_HOME"):
        own_home(tmp_path)
