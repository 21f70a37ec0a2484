"""Temporary homes for embedded servers, removed with all they hold."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pc_worker.embedded import remove_home


@contextmanager
def temporary_home() -> Iterator[Path]:
    """Yield a folder that root's database server, which runs as ``nobody``, can reach, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="pcw-home-", dir=_quick_folder()))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        remove_home(folder)


def _quick_folder() -> str | None:
    """Return a folder in memory if there is enough: creating a cluster mostly waits for the disk."""
    memory = "/dev/shm"
    if not os.access(memory, os.W_OK) or os.statvfs(memory).f_flag & os.ST_NOEXEC:
        return None
    return memory if shutil.disk_usage(memory).free > 4 * 1024**3 else None


def remove_places_below(folder: Path) -> None:
    """Remove what homes below ``folder`` keep outside, as homes in pytest's own, private folders do for root."""
    for link in folder.rglob("postgres"):
        if link.is_symlink() and "pc_worker" in str(link.readlink()):
            shutil.rmtree(link.readlink(), ignore_errors=True)
