"""Where the spool keeps what was found out of a file, and whether it is still of that file."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from pc_worker.reader.files.source import Source
from pc_worker.reader.files.written import WRITING
from pc_worker.reader.index.sidecar import ColumnNote, Notes

#: What the spool may hold of one source next to its index.
COPIES = ("unpacked", "arrow")
#: Letters of the name that the copies of one making have.
_TOKEN = 16
#: The ending of the file that is locked while copies are made.
_LOCK = "lock"


@dataclass(frozen=True, slots=True)
class SpoolEntry:
    """Where a file's index and copies are in the spool.

    Path, size and time identify which index to look at, not whether it is of the file as it is now: that is checked, by
    content if need be. Copies are found through an index only: ``copies`` is its own name for them, so that none is
    ever taken for a copy of what was at the same path before. ``variant`` separates readings of one file with different
    options. ``part_of`` is the file name of the copy that the source itself is: what is kept of it has names that
    begin with it, so that it is found and removed together with the copy.
    """

    source: Source
    spool: Path
    copies: str = ""
    variant: str = ""
    part_of: str = ""

    def with_copies(self, name: str) -> SpoolEntry:
        """Return the place whose copies have this name."""
        return replace(self, copies=name)

    @contextmanager
    def new_copies(self) -> Iterator[SpoolEntry]:
        """Yield the place for copies that are about to be made; if that fails, none of them is left.

        A locked file shows other processes that the copies are being made. What a process left that was killed
        meanwhile is not locked, and is removed here.
        """
        self._remove_leftovers()
        place, lock = self._locked_place()
        try:
            yield place
        except BaseException:
            place.remove_copies()
            raise
        finally:
            place.copy(_LOCK).unlink(missing_ok=True)
            os.close(lock)

    def _locked_place(self) -> tuple[SpoolEntry, int]:
        """Return a new place and its locked file, which no other process took for a leftover before it was locked."""
        while True:
            place = self.with_copies(secrets.token_hex(_TOKEN // 2))
            lock = os.open(place.copy(_LOCK), os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
            try:
                # flock(2) and not filelock: the file must be new, and checking the lock must not create it.
                fcntl.flock(lock, fcntl.LOCK_EX)
                if os.fstat(lock).st_nlink:
                    return place, lock
            except BaseException:
                place.copy(_LOCK).unlink(missing_ok=True)
                os.close(lock)
                raise
            os.close(lock)

    def _remove_leftovers(self) -> None:
        name = f"{self._name()}-"
        found = {path.name.removeprefix(WRITING) for path in self.spool.iterdir()}
        for copies in {file[len(name) : len(name) + _TOKEN] for file in found if file.startswith(name)}:
            self.with_copies(copies)._remove_leftover()

    def _remove_leftover(self) -> None:
        """Remove these copies unless a process that lives is making them; none can begin to do so meanwhile."""
        try:
            lock = os.open(self.copy(_LOCK), os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            self.remove_copies()
            return
        except PermissionError:  # another user's
            return
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.remove_copies()
        except BlockingIOError:
            return
        finally:
            os.close(lock)

    @property
    def index(self) -> Path:
        """The path of the index."""
        return self.spool / f"{self._name()}.index"

    def copy(self, ending: str) -> Path:
        """Return the path of the copy with this ending."""
        return self.spool / f"{self._name()}-{self.copies}.{ending}"

    def _name(self) -> str:
        if self.part_of:
            return self.part_of
        stamp = self.source.stamp
        key = f"{self.source.location}\0{stamp.size}\0{stamp.mtime_ns}\0{self.variant}"
        return hashlib.blake2b(os.fsencode(key), digest_size=16).hexdigest()

    def mark_used(self) -> None:
        """Set the time of the spool's files of this source to now: unused files are found by their time."""
        for path in (self.index, *map(self.copy, COPIES)):
            with contextlib.suppress(FileNotFoundError, PermissionError):  # removed, or another user's
                os.utime(path)

    def remove_copies(self) -> None:
        """Remove copies that no index will lead to; who has one open keeps it."""
        name = f"{self._name()}-{self.copies}."
        for path in self.spool.iterdir():
            if path.name.removeprefix(WRITING).startswith(name):
                with contextlib.suppress(FileNotFoundError, PermissionError):
                    path.unlink()


def is_of(notes: Notes, source: Source) -> bool:
    """Return whether an index is of this very file: same stamp, or at least the same content."""
    stamp = source.stamp
    if (notes.size, notes.mtime_ns) != (stamp.size, stamp.mtime_ns):
        return False
    return (notes.ctime_ns, notes.inode) == (stamp.ctime_ns, stamp.inode) or source.digest() == notes.digest


def notes_of(
    place: SpoolEntry, digest: str, kind: str, columns: tuple[ColumnNote, ...], details: Mapping[str, str]
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
