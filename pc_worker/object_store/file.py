"""An object that is read by ranges, like a file by position; one that changes meanwhile is an error, no mixture."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from threading import Lock
from typing import IO

from pc_worker.errors import SourceRejected
from pc_worker.object_store.ranges import MOST, KeptRanges
from pc_worker.object_store.version import ObjectVersion
from pc_worker.object_urls import ObjectUrl
from pc_worker.reader import Stamp


def open_object(url: ObjectUrl, spool: Path) -> ObjectFile:
    """Open an object as it is now.

    Args:
        url: The object.
        spool: Folder of the copy that formats need which are not read by position.

    Raises:
        SourceRejected: If it is missing, not to be read, or its store reports no version of it.
        Unavailable: If the store does not answer.
    """
    if not url.key or url.key.endswith("/"):
        raise SourceRejected(
            f"{url}: it is a prefix, not an object: ingest its objects by their URLs, or copy them to "
            "PC_WORKER_INBOX/<domain>/, where each becomes a job"
        )
    return ObjectFile(_OpenObject(ObjectVersion(url), spool))


class ObjectFile:
    """A handle of an open object; handles of the same opening share what was read."""

    def __init__(self, opened: _OpenObject) -> None:
        self._opened, self._version = opened, opened.version
        opened.count(1)

    def stamp(self) -> Stamp:
        """Return what the store says of the object now.

        Raises:
            SourceChanged: If it is another version than the one that was opened.
            SourceRejected: If it is gone.
            Unavailable: If the store does not answer.
        """
        return self._version.stamp()

    def read(self, offset: int, length: int) -> bytes:
        """Return up to ``length`` bytes from ``offset``; none past the end.

        Raises:
            SourceChanged: If the object is no longer the one that was opened.
            Unavailable: If the store does not answer.
        """
        return self._opened.read(offset, min(offset + length, self._version.size))

    def expect(self, ranges: Iterable[tuple[int, int]]) -> None:
        """Begin to fetch the ranges from one offset up to another that are about to be read."""
        self._opened.expect(ranges)

    def descriptor(self) -> int:
        """Return a descriptor of a copy in the spool, which has no name and so is gone with the last handle."""
        return self._opened.copy().fileno()

    def location(self) -> str:
        """Return the URL with the version: what is kept of one version is never taken for another's."""
        return f"{self._version.url}#{self._version.etag}"

    def share(self) -> ObjectFile:
        """Return another handle of the same opening."""
        return ObjectFile(self._opened)

    def close(self) -> None:
        """Close this handle; the last one ends what reads ahead."""
        self._opened.count(-1)


class _OpenObject:
    """What the handles of one opening share: the ranges in memory, or the copy once there is one."""

    def __init__(self, version: ObjectVersion, spool: Path) -> None:
        self.version, self._spool = version, spool
        self._ranges = KeptRanges(version.fetch, version.size)
        self._copy: IO[bytes] | None = None
        self._lock, self._handles = Lock(), 0

    def read(self, start: int, end: int) -> bytes:
        """Return bytes ``start`` up to ``end``."""
        copy = self._copy
        return self._ranges.read(start, end) if copy is None else os.pread(copy.fileno(), max(end - start, 0), start)

    def expect(self, ranges: Iterable[tuple[int, int]]) -> None:
        """Begin to fetch ranges that are about to be read."""
        if self._copy is None:
            self._ranges.expect(ranges)

    def copy(self) -> IO[bytes]:
        """Return the copy, made now if there is none."""
        with self._lock:
            if self._copy is None:
                self._copy = self._copied()
            return self._copy

    def _copied(self) -> IO[bytes]:
        copy = tempfile.TemporaryFile(dir=self._spool)  # noqa: SIM115 - closed with the last handle
        try:
            for start in range(0, self.version.size, MOST):
                copy.write(self._ranges.read(start, min(start + MOST, self.version.size)))
            copy.flush()
        except BaseException:
            copy.close()
            raise
        return copy

    def count(self, change: int) -> None:
        """Count handles; the last that is closed ends the threads and the copy."""
        with self._lock:
            self._handles += change
            if self._handles:
                return
        self._ranges.close()
        if self._copy is not None:
            self._copy.close()
