"""The account a server runs as: PostgreSQL refuses root, so root starts it as ``nobody``."""

from __future__ import annotations

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

#: Linux's overflow id, the user ``nobody`` of every distribution; used if that name does not exist.
NOBODY_ID = 65534


@dataclass(frozen=True, slots=True)
class Account:
    """A user and a group, without supplementary groups."""

    uid: int
    gid: int

    def may_search(self, folder: Path) -> bool:
        """Return whether this account can reach files in ``folder``, by the modes of it and all its parents."""
        real = folder.resolve()
        return all(self._has(path, stat.S_IXOTH) for path in (real, *real.parents))

    def may_read(self, path: Path) -> bool:
        """Return whether this account can reach and read ``path``."""
        real = path.resolve()
        return self.may_search(real.parent) and self._has(real, stat.S_IROTH)

    def _has(self, path: Path, other_bit: int) -> bool:
        status = path.stat()
        shift = 6 if status.st_uid == self.uid else 3 if status.st_gid == self.gid else 0
        return bool(status.st_mode & (other_bit << shift))


def server_account() -> Account | None:
    """Return the account PostgreSQL must run as, or None where it can run as this user."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        return Account(NOBODY_ID, NOBODY_ID)
    return Account(entry.pw_uid, entry.pw_gid)


def name_of(uid: int) -> str:
    """Return a user's name for people, or the bare number where it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
