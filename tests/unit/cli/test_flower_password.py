"""Flower's password is kept, and a file that holds none is no password."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

from pc_worker.cli.flower_password import flower_password
from pc_worker.errors import HomeUnusable
from pc_worker.settings import PROJECT, Settings


def test_it_is_generated_once_and_kept_privately(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")

    first = flower_password(settings)

    assert first.startswith("pcw:")
    assert flower_password(settings) == first
    assert (tmp_path / "home" / "flower_auth").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", [b"", b" \n", b"\xff\xfe", b"nobody", b"user:", b":password", b"a:b\nc:d"])
def test_what_is_no_password_is_replaced(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "flower_auth").write_bytes(content)

    made = flower_password(Settings(home=tmp_path))

    assert all(made.partition(":")[::2])
    assert (tmp_path / "flower_auth").read_text() == made


def test_what_was_written_by_hand_is_used(tmp_path: Path) -> None:
    (tmp_path / "flower_auth").write_text("me:my own:words\n")

    assert flower_password(Settings(home=tmp_path)) == "me:my own:words"
    assert flower_password(Settings(home=tmp_path, flower_auth=SecretStr("a:b"))) == "a:b"


def test_a_home_that_cannot_keep_it_is_named(tmp_path: Path) -> None:
    (tmp_path / "flower_auth").mkdir()
    with pytest.raises(HomeUnusable, match="Flower's password"):
        flower_password(Settings(home=tmp_path))

    (tmp_path / "file").touch()
    with pytest.raises(HomeUnusable):
        flower_password(Settings(home=tmp_path / "file"))


#: What Flower makes of its variables, command line and settings at its start.
LOGINS = """
import json
from pc_worker.cli.flower_password import require_login
require_login("admin:a,b")
from flower.command import apply_env_options, apply_options
from tornado.options import options
apply_env_options()
apply_options("flower", [])
print(json.dumps(options.basic_auth))
"""


def test_a_comma_in_the_password_does_not_make_a_shorter_one() -> None:
    env = os.environ | {"FLOWER_BASIC_AUTH": "other:login"}
    done = subprocess.run([sys.executable, "-c", LOGINS], cwd=PROJECT, env=env, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == ["admin:a,b"]
