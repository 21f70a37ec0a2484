"""What another account can reach, computed from modes alone."""

from __future__ import annotations

import os
from pathlib import Path

from pc_worker.embedded.home.account import Account

#: An account that owns nothing here.
STRANGER = Account(uid=4_000_000, gid=4_000_000)


def _reachable(tmp_path: Path) -> Path:
    # pytest's own folders are private; what lies above is not for a test to change.
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o711)
    return folder


def test_a_private_folder_anywhere_above_stops_a_stranger(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)

    assert not STRANGER.may_search(_reachable(tmp_path))


def test_its_owner_reaches_a_private_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    status = tmp_path.stat()

    assert Account(status.st_uid, status.st_gid).may_search(_reachable(tmp_path))


def test_public_folders_are_searched_and_files_read_by_their_own_modes() -> None:
    assert STRANGER.may_search(Path("/usr/bin"))
    assert STRANGER.may_read(Path("/etc/passwd"))


def test_a_file_without_read_permission_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.touch(mode=0o600)

    assert not STRANGER.may_read(path)
    assert Account(os.getuid(), os.getgid()).may_read(path)
