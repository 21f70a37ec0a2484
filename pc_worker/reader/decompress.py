"""Decompresses a file once into the spool, in steps, within the limits."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from pc_worker.reader.errors import broken, not_a_table, over_limit
from pc_worker.reader.formats import Format
from pc_worker.reader.limits import Limits
from pc_worker.reader.source import Source

_STEP = 1 << 20


def decompress(source: Source, kind: Format, target: Path, limits: Limits) -> None:
    """Write what ``source`` holds to ``target``, whole or not at all.

    Raises:
        Refused: If it is damaged, or expands beyond the limits.
        OSError: If the spool cannot be written.
    """
    handle, name = tempfile.mkstemp(prefix=".unpacking-", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as out, _opened(source, kind) as stream:
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
    except (EOFError, lzma.LZMAError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile) as error:
        raise broken(f"the compressed file is damaged: {error}") from error
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
def _opened(source: Source, kind: Format) -> Iterator[IO[bytes]]:
    raw = cast(IO[bytes], io.BufferedReader(_Positioned(source), _STEP))
    if kind == "zip":
        with _zip_member(raw) as member:
            yield member
    elif kind == "zstd":
        with _zstd(raw) as stream:
            yield stream
    else:
        with _stream(raw, kind) as stream:
            yield stream


def _stream(raw: IO[bytes], kind: Format) -> IO[bytes]:
    if kind == "gzip":
        return cast(IO[bytes], gzip.GzipFile(fileobj=raw))
    return cast(IO[bytes], bz2.BZ2File(raw) if kind == "bz2" else lzma.LZMAFile(raw))


@contextmanager
def _zip_member(raw: IO[bytes]) -> Iterator[IO[bytes]]:
    try:
        with zipfile.ZipFile(raw) as archive:
            names = [info for info in archive.infolist() if not info.is_dir()]
            if len(names) != 1:
                raise not_a_table(f"the zip archive holds {len(names)} files; exactly one is read")
            with archive.open(names[0]) as member:
                yield member
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise broken(f"the zip archive is damaged or encrypted: {error}") from error


@contextmanager
def _zstd(raw: IO[bytes]) -> Iterator[IO[bytes]]:
    import pyarrow as pa  # large, and only needed for such files; notices a cut stream, which zstandard does not

    with pa.CompressedInputStream(pa.PythonFile(raw, mode="r"), "zstd") as stream:
        yield cast(IO[bytes], stream)
