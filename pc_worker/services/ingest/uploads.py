"""Uploaded sources: spooled to one folder, bounded in bytes, and removed when nothing needs them any more.

While a file is being received its name ends with ``.part``, and it is locked; a complete one is named as its job.
So what a process that died has left is distinguished from what another process receives, and is removed.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pc_worker.errors import Conflict, InvalidRequest, TooLarge, Unavailable, UnsupportedMedia
from pc_worker.file_faults import file_fault
from pc_worker.logs import get_logger
from pc_worker.reader import ReadOptions, Rejected
from pc_worker.reader.files.digest import Hash
from pc_worker.reader.files.source import Source
from pc_worker.services.dependencies import Services
from pc_worker.store.db.connection import is_storable
from pc_worker.store.ledger.job_pages import source_needs

log = get_logger(__name__)

PART = ".part"
#: Bytes of the disk that uploads never use.
SPARE_BYTES = 512 * 1024 * 1024

#: Bytes after which the free space is checked again.
CHECK_BYTES = 64 * 1024 * 1024
NO_SPACE = "there is no space for uploads now: wait until jobs have ended, or ask the operator"
#: Seconds until a complete file without a job is removed: its job is written soon after it is complete.
UNKNOWN_S = 3600.0
#: Seconds until a part that no process has locked is removed: it is locked soon after it is created.
PART_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadLimits:
    """Bytes of one upload, and of all that are kept."""

    one: int
    total: int


class Upload:
    """A file that is being received; created by ``UploadFolder.begin``, ended by ``finish`` or ``abandon``.

    Attributes:
        size: Bytes received.
        stored: Where it is, once it is stored by this upload.
    """

    def __init__(self, path: Path, most: int, has_space: Callable[[int], bool], *, hashed: bool = False) -> None:
        self._part, self._path, self._most, self._has_space = (
            path.with_name(f"{uuid.uuid4()}{PART}"),
            path,
            most,
            has_space,
        )
        self._checked = 0
        self._hash = Hash() if hashed else None
        self.stored: Path | None = None
        self._fd = os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self.size = 0

    def write(self, parts: Sequence[bytes]) -> None:
        """Append to the file; the parts are not joined, which would copy each.

        Raises:
            TooLarge: If it exceeds the limit of one upload.
            Unavailable: If the disk is full.
        """
        self.size += sum(map(len, parts))
        if self.size > self._most:
            raise TooLarge(f"the file has more than {self._most} bytes, the limit of an upload")
        if self.size - self._checked > CHECK_BYTES:
            self._checked = self.size
            if not self._has_space(0):
                raise Unavailable(NO_SPACE)
        try:
            for part in parts:
                if self._hash is not None:
                    self._hash.update(part)
                rest = memoryview(part)
                while rest:
                    rest = rest[os.write(self._fd, rest) :]
        except OSError as exc:
            raise Unavailable(f"the upload cannot be stored: {exc.strerror}") from exc

    def digest(self) -> str | None:
        """Return the digest of what was received, for an upload that may be repeated."""
        return None if self._hash is None else self._hash.text()

    def finish(self, options: ReadOptions, *, name: str = "", is_repeat: bool = False) -> Path:
        """Check what was received, and return its path.

        Args:
            options: What is set instead of being detected in the file.
            name: Its name at its sender. Of it only an ending that says what divides cells is kept.
            is_repeat: Its job exists: nothing is stored.

        Raises:
            InvalidRequest: If nothing was received.
            UnsupportedMedia: If it is of no kind that the reader reads.
            Conflict: If another upload of the same job is not finished.
        """
        from pc_worker.reader.recognition import recognise
        from pc_worker.reader.text.dialect import kept_ending

        if not self.size:
            raise InvalidRequest("the upload is empty")
        try:
            recognise(self._part, options)
        except Rejected as exc:
            raise UnsupportedMedia(f"the upload is of no kind that is read: {exc}") from exc
        path = self._path.with_name(self._path.name + kept_ending(name))
        if not is_repeat and self._store(path):
            self.stored = path
        self.abandon()
        return path

    def _store(self, path: Path) -> bool:
        """Name the file, and return whether it has its name now: the same content may be there already.

        Raises:
            Conflict: If another content is there, without its job as yet.
        """
        try:
            os.link(self._part, path)  # unlike a rename, it never replaces a file
        except FileExistsError:
            with closing(Source(path)) as source:
                is_same = self._hash is not None and source.digest() == self._hash.text()
            if not is_same:
                raise Conflict("another upload with the same key is not finished: repeat this one later") from None
            os.utime(path)  # the purge would remove it an hour after it was received
            return False
        except OSError:  # a file system without links: two uploads at once with one key are not distinguished
            os.rename(self._part, path)
        return True

    def abandon(self) -> None:
        """Remove what was received, unless the upload is finished."""
        if self._fd >= 0:
            self._part.unlink(missing_ok=True)
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.abandon()


class UploadFolder:
    """The folder of uploads, which all workers can read.

    Args:
        folder: Its path.
        limits: Bytes of one upload, and of all.
    """

    def __init__(self, folder: Path, limits: UploadLimits) -> None:
        self._folder, self._limits = folder, limits

    def begin(self, services: Services, job_id: str, *, announced: int | None, hashed: bool = False) -> Upload:
        """Begin to receive the source of a job.

        Args:
            services: This process's shared dependencies.
            job_id: The job's id, which becomes the file's name.
            announced: The bytes that the client says it sends; None = unknown.
            hashed: Another upload may be of the same job: their contents are compared by their digests.

        Raises:
            TooLarge: If it announces more than the limit of one upload.
            Unavailable: If there is no space.
            InvalidRequest: If the folder cannot be written.
        """
        if (announced or 0) > self._limits.one:
            raise TooLarge(f"the file has more than {self._limits.one} bytes, the limit of an upload")
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._make_space(services, announced or 0)
            return Upload(self._folder / job_id, self._limits.one, self._has_space, hashed=hashed)
        except OSError as exc:
            raise Unavailable(f"uploads cannot be stored: {exc.strerror}") from exc

    def _make_space(self, services: Services, wanted: int) -> None:
        if not self._has_space(wanted):
            purge_uploads(services, self._folder)
        if not self._has_space(wanted):
            raise Unavailable(NO_SPACE)

    def _has_space(self, wanted: int) -> bool:
        used = sum(_size(path) for path in self._folder.iterdir())
        return used + wanted <= self._limits.total and shutil.disk_usage(self._folder).free - wanted > SPARE_BYTES


def purge_uploads(services: Services, folder: Path) -> int:
    """Remove sources that no job needs any more, and what a process that died has left; return how many.

    A job needs its source until it is completed, and while it has dead letters, which are retried from it. Of a file
    that was rejected nothing is kept.
    """
    if not folder.is_dir():
        return 0
    paths = {path.name: path for path in folder.iterdir() if path.is_file()}
    whole = [name for name in paths if not name.endswith(PART)]
    with services.database.transaction() as cursor:
        needed = source_needs(cursor, [job for job in map(_job_of, whole) if is_storable(job)])
    gone = [paths[name] for name in whole if not needed.get(_job_of(name), not _is_older(paths[name], UNKNOWN_S))]
    gone += [path for name, path in paths.items() if name.endswith(PART) and _is_left_over(path)]
    if removed := remove_files(gone):
        log.info("uploads_purged", files=removed)
    return removed


def remove_files(paths: Iterable[Path]) -> int:
    """Remove files, and return how many; one that cannot be removed is logged, and does not keep the others."""
    removed = 0
    for path in paths:
        try:
            path.unlink(missing_ok=True)
        except OSError as exc:
            log.warning("file_not_removed", path=ascii(str(path)), reason=file_fault(exc))
        else:
            removed += 1
    return removed


def _job_of(name: str) -> str:
    """Return the job of an upload: its file is named by it, with an ending where that says what divides cells."""
    return name.partition(".")[0]


def _is_older(path: Path, seconds: float) -> bool:
    with suppress(FileNotFoundError):
        return time.time() - path.stat().st_mtime > seconds
    return False


def _is_left_over(part: Path) -> bool:
    """Return whether no process receives this file any more."""
    if not _is_older(part, PART_S):
        return False
    with suppress(OSError), part.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return True
    return False


def _size(path: Path) -> int:
    with suppress(FileNotFoundError):
        return path.stat().st_size
    return 0
