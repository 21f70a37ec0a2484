"""Decompresses a file once into the spool, in steps, within the limits."""

from __future__ import annotations

import bz2
import io
import lzma
import os
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO, Any, Protocol, Self, assert_never, cast

from pc_worker.reader.errors import broken, not_a_table, over_limit
from pc_worker.reader.formats.base import Packing
from pc_worker.reader.limits import Limits
from pc_worker.reader.source import Source

_STEP = 1 << 20


def decompress(source: Source, packing: Packing, target: Path, limits: Limits) -> None:
    """Write what ``source`` holds to ``target``, whole or not at all.

    Raises:
        Refused: If it is damaged, or expands beyond the limits.
        OSError: If the spool cannot be written.
    """
    handle, name = tempfile.mkstemp(prefix=".unpacking-", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as out, _opened(source, packing, limits) as stream:
            _copy(stream, out, source, limits)
        os.replace(name, target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _copy(stream: IO[bytes], out: IO[bytes], source: Source, limits: Limits) -> None:
    written = 0
    while piece := _next(stream):
        written += len(piece)
        if written > limits.output_bytes:
            raise over_limit(f"the file expands to more than {limits.output_bytes} bytes")
        if written > limits.ratio_free_bytes and written > limits.ratio * source.size:
            raise over_limit(f"the file expands to more than {limits.ratio} times its size")
        out.write(piece)


def _next(stream: IO[bytes]) -> bytes:
    try:
        return stream.read(_STEP)
    except (EOFError, lzma.LZMAError, zlib.error, *_ZIP_ERRORS) as error:
        raise broken(f"the compressed file is damaged: {str(error)[:100]}") from error
    except OSError as error:
        if error.errno is not None:
            raise
        # bz2 and Arrow report damaged data as an OSError without a number.
        raise broken(f"the compressed file is damaged: {error}") from error


class _Positioned(io.RawIOBase):
    """A source as a seekable stream of its own."""

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


@contextmanager
def _opened(source: Source, packing: Packing, limits: Limits) -> Iterator[IO[bytes]]:
    raw = cast(IO[bytes], io.BufferedReader(_Positioned(source), _STEP))
    match packing:
        case Packing.GZIP:
            opened: AbstractContextManager[Any] = Streams(raw, _Gzip, limits)
        case Packing.BZ2:
            opened = Streams(raw, bz2.BZ2Decompressor, limits)
        case Packing.XZ:
            opened = Streams(raw, _xz, limits)
        case Packing.ZSTD:
            opened = _zstd(raw)
        case Packing.ZIP:
            opened = _zip_member(raw)
        case _:
            assert_never(packing)
    with opened as stream:
        yield stream


#: What unpacking xz may take. The largest preset takes 65 MiB; a file can ask for 4 GiB.
_XZ_MEMORY = 128 << 20
#: Bytes that a new stream is given at first. It is given twice as many each time, as what it leaves over is copied.
_FIRST = 4096


def _xz() -> lzma.LZMADecompressor:
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)


class _Gzip:
    """One gzip stream, by the methods that the decompressors of bz2 and lzma have."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(zlib.MAX_WBITS | 16)

    @property
    def eof(self) -> bool:
        return self._stream.eof

    @property
    def needs_input(self) -> bool:
        return not self._stream.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._stream.unused_data

    def decompress(self, data: bytes, size: int) -> bytes:
        return self._stream.decompress(self._stream.unconsumed_tail + data, size)


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, size: int) -> bytes: ...


class Streams:
    """The content of a compressed file, which may consist of several streams one after another.

    Args:
        raw: The file.
        new_stream: Makes what decompresses one stream.
        limits: How many streams may hold nothing.
    """

    def __init__(self, raw: IO[bytes], new_stream: Callable[[], _Decompressor], limits: Limits) -> None:
        self._raw, self._new, self._empty_left = raw, new_stream, limits.empty_streams
        self._stream, self._given = new_stream(), _FIRST
        self._buffer, self._at = b"", 0
        self._is_empty = True
        #: Bytes that were handed to decompressors, those again that a stream left over.
        self.fed = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._raw.close()

    def read(self, size: int) -> bytes:
        """Up to ``size`` bytes, none at the end.

        Raises:
            EOFError, lzma.LZMAError, zlib.error: If the file is cut or damaged, or asks for too much memory.
            Refused: If too many streams hold nothing.
        """
        while True:
            if self._stream.eof and not self._begin_next():
                return b""
            data = self._next_piece() if self._stream.needs_input else b""
            if self._stream.needs_input and not data:
                raise EOFError("it ends too early")
            if out := self._stream.decompress(data, size):
                self._is_empty = False
                return out

    def _begin_next(self) -> bool:
        """Begin the stream after one that has ended; False if there is none."""
        self._at -= len(self._stream.unused_data)
        if not self._skip_padding():
            return False
        self._empty_left -= self._is_empty
        if self._empty_left < 0:
            raise over_limit("the compressed file consists of too many streams that hold nothing")
        self._stream, self._given, self._is_empty = self._new(), _FIRST, True
        return True

    def _skip_padding(self) -> bool:
        """Pass over zeros, with which streams are padded; False if nothing else follows."""
        while piece := self._take(_FIRST):
            rest = len(piece.lstrip(b"\0"))
            self._at -= rest
            if rest:
                return True
        return False

    def _next_piece(self) -> bytes:
        piece = self._take(self._given)
        self._given = min(2 * self._given, _STEP)
        self.fed += len(piece)
        return piece

    def _take(self, most: int) -> bytes:
        """The next bytes of the file, up to ``most``, none at its end."""
        if self._at >= len(self._buffer):
            self._buffer, self._at = self._raw.read(_STEP), 0
        piece = self._buffer[self._at : self._at + most]
        self._at += len(piece)
        return piece


#: LZMA in a zip file could ask for any amount of memory.
_ZIP_TYPES = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)


#: What ``zipfile`` raises for archives that are damaged, encrypted, or packed in a way it does not know.
_ZIP_ERRORS = (zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, IndexError, struct.error)


@contextmanager
def _zip_member(raw: IO[bytes]) -> Iterator[IO[bytes]]:
    try:
        archive = zipfile.ZipFile(raw)
        names = [info for info in archive.infolist() if info.filename and not info.is_dir()]
        if len(names) != 1:
            raise not_a_table(f"the zip archive holds {len(names)} files; exactly one is read")
        if names[0].compress_type not in _ZIP_TYPES:
            raise not_a_table("the zip archive is packed in a way that is not read; pack it again")
        member = archive.open(names[0])
    except _ZIP_ERRORS as error:
        raise broken(f"the zip archive is damaged or encrypted: {str(error)[:100]}") from error
    with archive, member:
        yield member


@contextmanager
def _zstd(raw: IO[bytes]) -> Iterator[IO[bytes]]:
    import pyarrow as pa  # large, and only needed for such files; notices a cut stream, which zstandard does not

    with pa.CompressedInputStream(pa.PythonFile(raw, mode="r"), "zstd") as stream:
        yield cast(IO[bytes], stream)
