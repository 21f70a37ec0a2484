"""Flower's password is kept, and a file that holds none is no password."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from pc_worker.cli.flower_password import flower_password
from pc_worker.errors import HomeUnusable
from pc_worker.settings import Settings


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
