"""Homes for embedded servers, their data in memory where possible, removed with all they hold."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pc_worker.embedded import remove_home

MEMORY = Path("/dev/shm")
#: A folder of a database outside its home is called so, wherever it is.
OUTSIDE = "pc_worker-"
_in_memory: list[Path] = []


@contextmanager
def temporary_home() -> Iterator[Path]:
    """Yield a folder that root's database server, which runs as ``nobody``, can reach, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="pcw-home-", dir=_memory()))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        remove_home(folder)


def keep_database_in_memory(home: Path) -> None:
    """Let the database of a new home lie in memory: on a disk, half of its work is to write clusters and logs."""
    place = home / "postgres"
    memory = _memory()
    if memory is None or place.is_symlink() or place.exists():
        return
    home.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=OUTSIDE, dir=memory))
    folder.chmod(0o711)
    place.symlink_to(folder)
    _in_memory.append(folder)


def remove_stopped_databases() -> None:
    """Remove the databases of this process's tests from memory whose server was stopped cleanly."""
    for folder in [folder for folder in _in_memory if not (folder / "data" / "postmaster.pid").exists()]:
        shutil.rmtree(folder, ignore_errors=True)
        _in_memory.remove(folder)


def _memory() -> Path | None:
    """Return a folder in memory if there is enough, and programs may be run from there."""
    if not os.access(MEMORY, os.W_OK) or os.statvfs(MEMORY).f_flag & os.ST_NOEXEC:
        return None
    return MEMORY if shutil.disk_usage(MEMORY).free > 4 * 1024**3 else None


def remove_places_below(folder: Path) -> None:
    """Remove what homes below ``folder`` keep outside: in memory, or as root's homes in pytest's private folders do."""
    for link in folder.rglob("postgres"):
        if link.is_symlink() and "pc_worker" in str(link.readlink()):
            shutil.rmtree(link.readlink(), ignore_errors=True)
