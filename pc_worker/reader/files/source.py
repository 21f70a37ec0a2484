"""Reads a file by position, and notices when it is no longer the file it was."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from pc_worker.reader.errors import SourceChanged, broken, not_a_table
from pc_worker.reader.files.digest import ALGORITHM, Hash, hash_beside

#: Bytes hashed at a time: few, to stay in the processor's cache; many, as each step waits for the interpreter.
_DIGEST_STEP = 1 << 20


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What a file was when it was indexed: size in bytes, time of change in ns, digest of its content."""

    size: int
    mtime_ns: int
    digest: str


@dataclass(frozen=True, slots=True)
class Stamp:
    """What the file system says about an open file; equal stamps mean that nothing wrote to it."""

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int


class OpenFile(Protocol):
    """An open file of any kind of storage, read by position."""

    def stamp(self) -> Stamp:
        """Return what the storage says about the file now.

        Raises:
            Rejected: If it is not a regular file.
        """
        ...

    def read(self, offset: int, length: int) -> bytes:
        """Return up to ``length`` bytes from ``offset``; none past the end."""
        ...

    def expect(self, ranges: Iterable[tuple[int, int]]) -> None:
        """Take notice that these ranges, each from one offset up to another, are about to be read."""
        ...

    def descriptor(self) -> int:
        """Return a descriptor of the content, for code that needs one; it stays this object's."""
        ...

    def location(self) -> str:
        """Return the whole path or the URL: the same text from any working directory."""
        ...

    def share(self) -> OpenFile:
        """Return another handle of the same open file, to be closed by itself."""
        ...

    def close(self) -> None:
        """Close this handle."""
        ...


class LocalFile:
    """A regular file of the file system; takes over the descriptor."""

    def __init__(self, path: str, fd: int) -> None:
        self._path, self._fd = path, fd

    def stamp(self) -> Stamp:
        """Return size, times and inode.

        Raises:
            Rejected: If it is not a regular file.
        """
        status = os.fstat(self._fd)
        if not stat.S_ISREG(status.st_mode):
            raise not_a_table(f"{self._path} is not a regular file")
        return Stamp(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)

    def is_stale(self) -> bool:
        """Return whether the system no longer knows the descriptor's file."""
        try:
            os.fstat(self._fd)
        except OSError:
            return True
        return False

    def read(self, offset: int, length: int) -> bytes:
        """Return up to ``length`` bytes from ``offset``; none past the end."""
        return os.pread(self._fd, length, offset)

    def expect(self, ranges: Iterable[tuple[int, int]]) -> None:
        """Do nothing: the system reads ahead."""

    def descriptor(self) -> int:
        """Return the open descriptor, which stays this object's."""
        return self._fd

    def location(self) -> str:
        """Return the whole path."""
        return os.path.abspath(self._path)

    def share(self) -> LocalFile:
        """Return another handle of the same open file."""
        return LocalFile(self._path, os.dup(self._fd))

    def close(self) -> None:
        """Close the descriptor."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class Source:
    """A file, read by position: one that shrinks is an error here, not the end of the process.

    Args:
        path: For messages, and for opening when ``opened`` is None.
        opened: An open descriptor or file to use (it is shared, so the caller keeps its own).

    Raises:
        OSError: If the file cannot be opened.
        Rejected: If it is not a regular file.
    """

    def __init__(self, path: str | os.PathLike[str], opened: int | OpenFile | None = None) -> None:
        self.path = os.fspath(path)
        self._file = self._opened(opened)
        try:
            self.stamp = self._file.stamp()
        except BaseException:
            self._file.close()
            raise
        self.size = self.stamp.size
        self._hash: Hash | None = None
        self._hashed = 0

    def _opened(self, opened: int | OpenFile | None) -> OpenFile:
        if opened is None:
            return LocalFile(self.path, os.open(self.path, os.O_RDONLY | os.O_CLOEXEC))
        return LocalFile(self.path, os.dup(opened)) if isinstance(opened, int) else opened.share()

    def again(self) -> Source:
        """Return another source of the same open file, to be closed by itself."""
        return Source(self.path, self._file)

    @property
    def location(self) -> str:
        """The whole path or the URL: the same text from any working directory."""
        return self._file.location()

    @property
    def descriptor(self) -> int:
        """A descriptor of the content, which stays this object's."""
        return self._file.descriptor()

    def read(self, offset: int, length: int) -> bytes:
        """Return exactly ``length`` bytes from ``offset``.

        Raises:
            Rejected: If the range is not in the file.
            SourceChanged: If the file is shorter than it was.
        """
        if offset < 0 or length < 0 or offset + length > self.size:
            raise broken("the file ends inside a value", min(max(offset, 0), self.size))
        data = self._read(offset, length)
        if self._hash is not None and offset + length > self._hashed:
            self._hash_on(offset, data)
        return data

    def _read(self, offset: int, length: int) -> bytes:
        data = self._file.read(offset, length)
        if len(data) == length:
            return data
        parts = [data]
        while (have := sum(map(len, parts))) < length:
            parts.append(self._file.read(offset + have, length - have))
            if not parts[-1]:
                raise SourceChanged(self.path, "it is shorter than it was")
        return b"".join(parts)

    def expect(self, ranges: Iterable[tuple[int, int]]) -> None:
        """Announce the ranges, each from one offset up to another, that are about to be read: a store is far away."""
        self._file.expect(ranges)

    def begin_digest(self) -> None:
        """Start to hash what is read, so that a pass over the file returns its digest without a second one."""
        self._hash, self._hashed = hash_beside(self.size), 0

    def end_digest(self) -> str:
        """Return the digest of the whole content; reads what was not read since ``begin_digest``."""
        state = self._hash or Hash()
        self._hash_file(state, self._hashed, self.size)
        self._hash = None
        return state.text()

    def _hash_on(self, offset: int, data: bytes) -> None:
        """Hash ``data``, which was read at ``offset``, and first what was passed over before it."""
        if self._hash is None:
            return
        self._hash_file(self._hash, self._hashed, offset)
        self._hash.update(memoryview(data)[max(0, self._hashed - offset) :])
        self._hashed = offset + len(data)

    def digest(self, algorithm: str = ALGORITHM) -> str:
        """Return the digest of the content; reads the whole file in steps."""
        state = Hash(algorithm)
        self._hash_file(state, 0, self.size)
        return state.text()

    def _hash_file(self, state: Hash, start: int, stop: int) -> None:
        for offset in range(start, stop, _DIGEST_STEP):
            state.update(self._read(offset, min(_DIGEST_STEP, stop - offset)))

    def is_stale(self) -> bool:
        """Return whether the file must be opened again, as after its file system was mounted again."""
        return isinstance(self._file, LocalFile) and self._file.is_stale()

    def check_unchanged(self, digest: str | None = None) -> None:
        """Check that no process wrote to the file since it was opened.

        With a ``digest``, a mere change of owner, mode or links is forgiven when the content is the same.

        Raises:
            SourceChanged: If it changed.
        """
        now = self._file.stamp()
        if now == self.stamp:
            return
        if (now.size, now.mtime_ns) == (self.stamp.size, self.stamp.mtime_ns) and digest == self.digest():
            self.stamp = now
            return
        raise SourceChanged(self.path, "its size, time or content is another")

    def close(self) -> None:
        """Close the file; reading is an error afterwards."""
        if self._hash is not None:
            self._hash.stop()
            self._hash = None
        self._file.close()
