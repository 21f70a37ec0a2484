"""A source as a separate binary stream, for libraries that read streams."""

from __future__ import annotations

import io
from typing import IO, cast

from pc_worker.reader.files.source import Source

_BUFFER = 1 << 20


def stream_of(source: Source) -> IO[bytes]:
    """Return ``source`` as a buffered, seekable stream, which does not close it."""
    return cast(IO[bytes], io.BufferedReader(_Positioned(source), _BUFFER))


class _Positioned(io.RawIOBase):
    """A source as a separate seekable stream."""

    def __init__(self, source: Source) -> None:
        self._source, self._at = source, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        base = (0, self._at, self._source.size)[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, target: object) -> int:
        view = memoryview(cast(bytearray, target))
        length = max(0, min(len(view), self._source.size - self._at))
        view[:length] = self._source.read(self._at, length)
        self._at += length
        return length
