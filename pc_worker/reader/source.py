"""Reads a file by position, and notices when it is no longer the file it was."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass

from pc_worker.reader.errors import SourceChanged, broken, not_a_table

#: Bytes hashed at a time: few, to stay in the processor's cache; many, as each step waits for the interpreter.
_DIGEST_STEP = 1 << 20


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What a file was when it was indexed: size in bytes, time of change in ns, SHA-256 of its content in hex."""

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


class Source:
    """A regular file, read with ``pread``: a file that shrinks is an error here, not the end of the process.

    Args:
        path: For messages, and for opening when ``fd`` is None.
        fd: An open descriptor to use (it is duplicated, so the caller keeps its own).

    Raises:
        OSError: If the file cannot be opened.
        Refused: If it is not a regular file.
    """

    def __init__(self, path: str | os.PathLike[str], fd: int | None = None) -> None:
        self.path = os.fspath(path)
        self._fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC) if fd is None else os.dup(fd)
        try:
            self.stamp = self._stamp_now()
        except BaseException:
            os.close(self._fd)
            raise
        self.size = self.stamp.size

    def _stamp_now(self) -> Stamp:
        status = os.fstat(self._fd)
        if not stat.S_ISREG(status.st_mode):
            raise not_a_table(f"{self.path} is not a regular file")
        return Stamp(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)

    @property
    def descriptor(self) -> int:
        """The open descriptor, which stays this object's."""
        return self._fd

    def read(self, offset: int, length: int) -> bytes:
        """Exactly ``length`` bytes from ``offset``.

        Raises:
            Refused: If the range does not lie in the file.
            SourceChanged: If the file is shorter than it was.
        """
        if offset < 0 or length < 0 or offset + length > self.size:
            raise broken("the file ends inside a value", min(max(offset, 0), self.size))
        data = os.pread(self._fd, length, offset)
        if len(data) == length:
            return data
        parts = [data]
        while (have := sum(map(len, parts))) < length:
            parts.append(os.pread(self._fd, length - have, offset + have))
            if not parts[-1]:
                raise SourceChanged(self.path, "it is shorter than it was")
        return b"".join(parts)

    def digest(self) -> str:
        """SHA-256 of the content, in hex; reads the whole file in steps."""
        state, room = hashlib.sha256(), memoryview(bytearray(min(_DIGEST_STEP, self.size)))
        for offset in range(0, self.size, _DIGEST_STEP):
            piece = room[: self.size - offset]
            if os.preadv(self._fd, [piece], offset) != len(piece):
                raise SourceChanged(self.path, "it is shorter than it was")
            state.update(piece)
        return state.hexdigest()

    def check_unchanged(self, digest: str | None = None) -> None:
        """Check that nobody wrote to the file since it was opened.

        With a ``digest``, a mere change of owner, mode or links is forgiven when the content is the same.

        Raises:
            SourceChanged: If it changed.
        """
        now = self._stamp_now()
        if now == self.stamp:
            return
        if (now.size, now.mtime_ns) == (self.stamp.size, self.stamp.mtime_ns) and digest == self.digest():
            self.stamp = now
            return
        raise SourceChanged(self.path, "its size, time or content is another")

    def close(self) -> None:
        """Give the descriptor back; reading is an error afterwards."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
