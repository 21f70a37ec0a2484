"""The location of the database server's folder: in the home, or outside if its account cannot reach it there."""

from __future__ import annotations

import os
import secrets
import shutil
import stat
from collections.abc import Sequence
from pathlib import Path

from pc_worker.embedded.home.account import Account
from pc_worker.errors import ServiceFailed

NAME = "postgres"
#: Prefixes; a random name follows, which the home's link stores. The last one only with a warning: systems delete files
#: there that were not changed for a month.
OUTSIDE = ("/var/lib/pc_worker/", "/var/tmp/pc_worker-")  # noqa: S108 - made exclusively, under a random name


def place_for(home: Path, account: Account | None, *, outside: Sequence[str] = OUTSIDE) -> Path:
    """Return the server's folder, made if missing: ``HOME/postgres``, or where that name links to.

    It moves outside, with its data, when ``account`` cannot reach the home: no folder's mode is ever changed for it.
    No server may be running on it.

    Raises:
        ServiceFailed: If the link leads nowhere or to a folder of someone else.
        OSError: If no folder can be made.
    """
    place = home / NAME
    _finish_move(place)
    if place.is_symlink():
        return _followed(place)
    if account is not None and not account.may_search(home):
        return _move_outside(place, account, outside)
    return _made(place)


def remove_home(home: Path) -> None:
    """Remove a home whose servers are stopped, with the folder outside that it may link to."""
    place = home / NAME
    if place.is_symlink():
        shutil.rmtree(place.resolve(), ignore_errors=True)
    shutil.rmtree(home, ignore_errors=True)


def _followed(link: Path) -> Path:
    target = link.resolve()
    if not target.is_dir():
        raise ServiceFailed(NAME, f"{link} leads to {target}, which is gone: restore it, or delete the link")
    if target.stat().st_uid != os.geteuid():
        raise ServiceFailed(NAME, f"{link} leads to {target}, which is another user's: delete the link")
    return target


def _made(place: Path) -> Path:
    if not place.exists():
        place.mkdir()
        # Not `mkdir(mode=…)`: the umask would take the account's way through.
        place.chmod(0o711 if os.geteuid() == 0 else 0o700)
    return place


def _move_outside(place: Path, account: Account, outside: Sequence[str]) -> Path:
    target = _new_folder(account, outside)
    if (place / "data").exists():
        shutil.copytree(place / "data", target / "data", symlinks=True)
        _give(target / "data", account)
    # The new name is complete before the old one goes: `_finish_move` takes up a move that is cut short between.
    moved, retired = _names_in_a_move(place)
    moved.symlink_to(target)
    if place.exists():
        place.rename(retired)
    _finish_move(place)
    return target


def _finish_move(place: Path) -> None:
    moved, retired = _names_in_a_move(place)
    if moved.is_symlink() and not place.exists():
        moved.rename(place)
    moved.unlink(missing_ok=True)
    if retired.exists():
        shutil.rmtree(retired)


def _names_in_a_move(place: Path) -> tuple[Path, Path]:
    return place.with_name(f"{place.name}.moved"), place.with_name(f"{place.name}.retired")


def _new_folder(account: Account, outside: Sequence[str]) -> Path:
    for prefix in outside:
        folder = Path(f"{prefix}{secrets.token_hex(8)}")
        try:
            if prefix.endswith("/"):
                _make_passable(folder.parent)
            folder.mkdir()
        except OSError:
            continue
        folder.chmod(0o711)
        if account.may_search(folder):
            if prefix == outside[-1]:
                from pc_worker.logs import get_logger  # not loaded by commands that only ask

                log = get_logger(__name__)
                log.warning("database_in_temporary_folder", folder=str(folder), unreachable=outside[:-1])
            return folder
        folder.rmdir()
    raise ServiceFailed(NAME, f"user nobody can reach neither this home nor {' nor '.join(outside)}: move the home")


def _make_passable(parent: Path) -> None:
    """Make our own folder of folders, or let others through the one that an earlier run made under a strict umask."""
    parent.mkdir(exist_ok=True)
    status = parent.stat()
    if status.st_uid == os.geteuid():
        parent.chmod(stat.S_IMODE(status.st_mode) | 0o711)  # not `mkdir(mode=…)`: the umask would cut it


def _give(folder: Path, account: Account) -> None:
    for path, _, names in os.walk(folder):
        os.chown(path, account.uid, account.gid)
        for name in names:
            os.chown(Path(path, name), account.uid, account.gid, follow_symlinks=False)
