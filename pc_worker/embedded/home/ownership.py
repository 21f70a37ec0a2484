"""One owner per home: a lock that the kernel releases when its holder dies, for any reason."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from pc_worker.embedded.home.account import name_of
from pc_worker.errors import HomeInUse, HomeUnusable

LOCK_NAME = "owner.lock"


class Ownership:
    """The lock on a folder, held until ``release`` or the end of this process."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    def release(self) -> None:
        """Release the lock; a second call does nothing."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def own_home(home: Path) -> Ownership:
    """Create ``home`` if it is missing, and lock it for this process.

    Raises:
        HomeInUse: If a live process owns it.
        HomeUnusable: If it belongs to another user or cannot be written.
    """
    try:
        if not home.exists():
            # Root's database server runs as ``nobody``, which must be able to traverse the folder, not to list it.
            home.mkdir(parents=True, mode=0o711 if os.geteuid() == 0 else 0o700)
        return own_folder(home)
    except PermissionError as exc:
        raise HomeUnusable(home, why_unusable(home)) from exc
    except OSError as exc:
        raise HomeUnusable(home, f"cannot be used ({exc.strerror}): fix that") from exc


def own_folder(folder: Path) -> Ownership:
    """Take the lock of an existing folder.

    Raises:
        HomeInUse: If a live process holds it.
        HomeUnusable: If its lock was made by another user.
        OSError: If the lock file cannot be opened.
    """
    descriptor = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        if os.fstat(descriptor).st_uid != os.geteuid():
            raise HomeUnusable(folder, why_unusable(folder / LOCK_NAME))
        _lock(folder, descriptor)
    except BaseException:
        os.close(descriptor)
        raise
    return Ownership(descriptor)


def _lock(folder: Path, descriptor: int) -> None:
    try:
        # flock(2) and not filelock: the file's owner is checked before it is locked, and its content names the holder.
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as exc:
        pid = os.pread(descriptor, 32, 0).decode(errors="replace").strip()
        raise HomeInUse(folder, f"process {pid}" if pid else "another process") from exc
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)


def why_unusable(path: Path) -> str:
    """Return why this user has no access to ``path``, as the reason of a `HomeUnusable`."""
    try:
        owner = path.stat().st_uid
    except OSError:
        return "cannot be made or reached by this user: give it access"
    if owner == os.geteuid():
        return "cannot be written: give its owner write access"
    return f"belongs to user {name_of(owner)}: run as {name_of(owner)}"
