"""Where the spool keeps what was found out of a file, and whether it is still of that file."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from pc_worker.reader.index.sidecar import ColumnNote, Notes
from pc_worker.reader.source import Source

#: What the spool may hold of one source beside its index.
COPIES = ("unpacked", "arrow")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a file's index and copies stand in the spool.

    Path, size and time tell which index to look at, not whether it is of the file as it is now: that is checked, by
    content if need be. Copies are found through an index only: ``copies`` is its own name for them, so that none is
    ever taken for a copy of what stood at the same path before. ``variant`` tells readings of one file apart: by
    other options, or of another member of an archive.
    """

    source: Source
    spool: Path
    copies: str = ""
    variant: str = ""

    def with_copies(self, name: str) -> Place:
        """Return the place whose copies have this name."""
        return replace(self, copies=name)

    def with_new_copies(self) -> Place:
        """Return the place for copies that are about to be made."""
        return self.with_copies(secrets.token_hex(8))

    @property
    def index(self) -> Path:
        """The path of the index."""
        return self.spool / f"{self._name()}.index"

    def copy(self, ending: str) -> Path:
        """Return the path of the copy with this ending."""
        return self.spool / f"{self._name()}-{self.copies}.{ending}"

    def _name(self) -> str:
        stamp = self.source.stamp
        key = f"{os.path.abspath(self.source.path)}\0{stamp.size}\0{stamp.mtime_ns}\0{self.variant}"
        return hashlib.blake2b(os.fsencode(key), digest_size=16).hexdigest()

    def mark_used(self) -> None:
        """Set the time of the spool's files of this source to now: unused files are found by their time."""
        for path in (self.index, *map(self.copy, COPIES)):
            with contextlib.suppress(FileNotFoundError, PermissionError):  # removed, or another user's
                os.utime(path)

    def remove_copies(self) -> None:
        """Remove copies that no index will lead to; who has one open keeps it."""
        for path in map(self.copy, COPIES):
            with contextlib.suppress(FileNotFoundError, PermissionError):
                path.unlink()


def is_of(notes: Notes, source: Source) -> bool:
    """Return whether an index is of this very file: same stamp, or at least the same content."""
    stamp = source.stamp
    if (notes.size, notes.mtime_ns) != (stamp.size, stamp.mtime_ns):
        return False
    return (notes.ctime_ns, notes.inode) == (stamp.ctime_ns, stamp.inode) or source.digest() == notes.digest


def notes_of(
    place: Place, digest: str, kind: str, columns: tuple[ColumnNote, ...], details: Mapping[str, str]
) -> Notes:
    """Return what an index says of the source at ``place``."""
    stamp = place.source.stamp
    return Notes(
        size=stamp.size,
        mtime_ns=stamp.mtime_ns,
        ctime_ns=stamp.ctime_ns,
        inode=stamp.inode,
        digest=digest,
        copies=place.copies,
        format=kind,
        columns=columns,
        details=details,
    )


@contextmanager
def written(target: Path) -> Iterator[IO[bytes]]:
    """Open a new file that takes the place of ``target`` when it is whole; in trouble nothing is left of it."""
    handle, name = tempfile.mkstemp(prefix=".writing-", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        os.replace(name, target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
