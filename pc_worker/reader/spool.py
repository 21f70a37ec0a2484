"""Where the spool keeps what was found out of a file, and whether it is still of that file."""

from __future__ import annotations

import contextlib
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from pc_worker.reader.sidecar import ColumnNote, Notes
from pc_worker.reader.source import Source

#: What the spool may hold of one source.
ENDINGS = ("index", "unpacked", "arrow")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a file's index and copies stand in the spool; another version of the file has another place."""

    source: Source
    spool: Path

    def file(self, ending: str) -> Path:
        """Return the path of the file with this ending."""
        stamp = self.source.stamp
        key = f"{os.path.abspath(self.source.path)}\0{stamp.size}\0{stamp.mtime_ns}"
        name = hashlib.blake2b(os.fsencode(key), digest_size=16).hexdigest()
        return self.spool / f"{name}.{ending}"

    def mark_used(self) -> None:
        """Set the time of the spool's files of this source to now: unused files are found by their time."""
        for ending in ENDINGS:
            with contextlib.suppress(FileNotFoundError, PermissionError):  # removed, or another user's
                os.utime(self.file(ending))


def is_of(notes: Notes, source: Source) -> bool:
    """Return whether an index is of this very file: same stamp, or at least the same content."""
    stamp = source.stamp
    if (notes.size, notes.mtime_ns) != (stamp.size, stamp.mtime_ns):
        return False
    return (notes.ctime_ns, notes.inode) == (stamp.ctime_ns, stamp.inode) or source.digest() == notes.digest


def notes_of(source: Source, digest: str, kind: str, columns: tuple[ColumnNote, ...]) -> Notes:
    """Return what an index says of ``source``."""
    stamp = source.stamp
    return Notes(stamp.size, stamp.mtime_ns, stamp.ctime_ns, stamp.inode, digest, kind, columns)
