"""Decompresses a file once into the spool, in steps, within the limits."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO, Any, Protocol, Self, assert_never, cast

from pc_worker.reader.errors import broken, over_limit
from pc_worker.reader.files.source import Source
from pc_worker.reader.files.written import written
from pc_worker.reader.formats.base import Packing
from pc_worker.reader.formats.streams import stream_of
from pc_worker.reader.formats.zipped import ERRORS as ZIP_ERRORS
from pc_worker.reader.formats.zipped import opened_member
from pc_worker.reader.limits import Limits

_STEP = 1 << 20


def decompress(source: Source, packing: Packing, target: Path, limits: Limits) -> None:
    """Write what ``source`` holds to ``target``, whole or not at all.

    Raises:
        Rejected: If it is damaged, or expands beyond the limits.
        OSError: If the spool cannot be written.
    """
    with written(target) as out, _opened(source, packing, limits) as stream:
        copy_within(stream, out, source, limits)


def copy_within(stream: IO[bytes], out: IO[bytes], source: Source, limits: Limits) -> None:
    """Copy ``stream``, which ``source`` expands to.

    Raises:
        Rejected: If it is damaged, or expands beyond the limits.
    """
    size = 0
    while piece := _next(stream, size):
        size += len(piece)
        if size > limits.output_bytes:
            raise over_limit(f"the file expands to more than {limits.output_bytes} bytes")
        if size > limits.ratio_free_bytes and size > limits.ratio * source.size:
            raise over_limit(f"the file expands to more than {limits.ratio} times its size")
        out.write(piece)


def _next(stream: IO[bytes], done: int) -> bytes:
    try:
        return stream.read(_STEP)
    except (EOFError, lzma.LZMAError, zlib.error, OSError, *ZIP_ERRORS) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # bz2 and Arrow report damaged data as an OSError without a number
        if isinstance(error, lzma.LZMAError) and "usage limit" in str(error):
            reason = f"unpacking the xz file takes more than {_XZ_MEMORY >> 20} MiB of memory"
            raise over_limit(f"{reason}: pack it with xz -9 or less") from error
        where = f"after {done} unpacked bytes" if done else "at its beginning"
        raise broken(f"the compressed file is damaged or cut short {where}: copy it again, or pack it again") from error


@contextmanager
def _opened(source: Source, packing: Packing, limits: Limits) -> Iterator[IO[bytes]]:
    raw = stream_of(source)
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
            opened = opened_member(source)
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
        """Return up to ``size`` bytes, none at the end.

        Raises:
            EOFError, lzma.LZMAError, zlib.error: If the file is cut or damaged, or asks for too much memory.
            Rejected: If too many streams hold nothing.
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
        """Return the next bytes of the file, up to ``most``, none at its end."""
        if self._at >= len(self._buffer):
            self._buffer, self._at = self._raw.read(_STEP), 0
        piece = self._buffer[self._at : self._at + most]
        self._at += len(piece)
        return piece


@contextmanager
def _zstd(raw: IO[bytes]) -> Iterator[IO[bytes]]:
    import pyarrow as pa  # large, and only needed for such files; notices a cut stream, which zstandard does not

    with pa.CompressedInputStream(pa.PythonFile(raw, mode="r"), "zstd") as stream:
        yield cast(IO[bytes], stream)
