"""Sources: regular files under the data roots, opened once per process and read by chunk."""

from __future__ import annotations

import errno
import os
import stat
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import Any

from pc_worker.errors import InvalidRequest, SourceRejected
from pc_worker.logs import get_logger
from pc_worker.reader import (
    Fingerprint,
    Inspection,
    Limits,
    ReadOptions,
    Refused,
    SourceChanged,
    Table,
    inspect_file,
    open_table,
)

#: Tables kept open: enough for the jobs that one process alternates between.
TABLES_KEPT = 2
NO_OPTIONS = ReadOptions()

WHAT_TO_DO = {
    errno.ENOENT: "there is no such file",
    errno.EACCES: "no permission to read it",
    errno.EISDIR: "it is a directory",
    errno.ENAMETOOLONG: "the name is too long",
    errno.ELOOP: "its symbolic links go in a circle",
}

#: Errors that the reader should not raise.
UNEXPECTED = (LookupError, ValueError, TypeError, ArithmeticError, AttributeError, RecursionError, AssertionError)


class Sources:
    """The tables under ``roots``; the last few stay open, since chunks of one job follow each other.

    Args:
        roots: Folders in which sources may be, resolved.
        spool: Folder of the reader's sidecars and decompressed copies.
        limits: The reader's limits.
    """

    def __init__(self, roots: Sequence[Path], *, spool: Path, limits: Limits) -> None:
        self._roots, self._spool, self._limits = tuple(roots), spool, limits
        self._tables: dict[tuple[str, ReadOptions], Table] = {}

    def check(self, path: str) -> None:
        """Check that ``path`` may be ingested, without reading it.

        Raises:
            SourceRejected: If the path is rejected, with the reason.
        """
        os.close(open_under(path, self._roots))

    @contextmanager
    def file(self, path: str) -> Iterator[BufferedReader]:
        """Open a source to read its bytes.

        Raises:
            SourceRejected: If the path is rejected, with the reason.
        """
        with os.fdopen(open_under(path, self._roots), "rb") as file:
            yield file

    def is_allowed(self, folder: str) -> bool:
        """Return whether a folder, its links followed, is under the data roots."""
        real = Path(os.path.realpath(folder))
        return any(real.is_relative_to(root) for root in self._roots)

    def inspect(self, path: str, options: ReadOptions = NO_OPTIONS) -> Inspection:
        """Return a report of a source's content, without loading it; ``options`` are set instead of detected.

        Raises:
            SourceRejected: If the path is rejected; a rejected content is part of the report.
        """
        self.check(path)
        self._make_spool()
        with rejecting(path):
            return inspect_file(path, spool=self._spool, limits=self._limits, options=options)

    def open(self, path: str, expected: dict[str, Any] | None = None, *, options: ReadOptions = NO_OPTIONS) -> Table:
        """Return the table of a source.

        Args:
            path: The source.
            expected: The fingerprint with which its job was split.
            options: What is set instead of being detected in the file.

        Raises:
            SourceRejected: If the path or its content is rejected, or the source has changed since the split.
        """
        key = (path, options)
        kept = self._tables.pop(key, None)
        if kept is None or expected is None or not _is_unchanged(kept, expected):
            if kept is not None:
                kept.close()
            kept = self._open(path, options)
        self._tables[key] = kept
        while len(self._tables) > TABLES_KEPT:
            self._tables.pop(next(iter(self._tables))).close()
        if expected is not None and not _is_unchanged(kept, expected):
            raise SourceRejected(f"{path}: the source changed after the job began: ingest it again")
        return kept

    def _open(self, path: str, options: ReadOptions) -> Table:
        descriptor = open_under(path, self._roots)
        try:
            self._make_spool()
            with rejecting(path):
                return open_table(path, spool=self._spool, limits=self._limits, fd=descriptor, options=options)
        finally:
            os.close(descriptor)

    def _make_spool(self) -> None:
        try:
            self._spool.mkdir(mode=0o700, parents=True, exist_ok=True)
            usable = os.access(self._spool, os.R_OK | os.W_OK | os.X_OK)
        except (PermissionError, FileExistsError, NotADirectoryError):
            usable = False
        if not usable:
            raise InvalidRequest(f"{self._spool} cannot be written: set PC_WORKER_HOME to a folder of your own")

    def close(self) -> None:
        """Close every table."""
        while self._tables:
            self._tables.popitem()[1].close()


def read_options(delimiter: str | None, encoding: str | None, sheet: str | None) -> ReadOptions:
    """Return the reader's options that a user set for a file.

    Raises:
        InvalidRequest: If a value is wrong for every file.
    """
    try:
        return ReadOptions(delimiter=delimiter, encoding=encoding, sheet=sheet)
    except ValueError as exc:
        raise InvalidRequest(str(exc)) from exc


def stored_options(request: Mapping[str, Any]) -> ReadOptions:
    """Return the reader's options of a job, from its request as the ledger stores it."""
    return ReadOptions.from_dict(request.get("reading") or {})


@contextmanager
def rejecting(path: str) -> Iterator[None]:
    """Turn errors of the reader and of the system into one sentence that begins with ``path``.

    Raises:
        SourceRejected: If the body raises such an error.
    """
    try:
        yield
    except (Refused, SourceChanged) as exc:
        raise SourceRejected(f"{path}: {exc}") from exc
    except OSError as exc:
        if exc.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise SourceRejected(f"{path}: {exc.strerror or exc}") from exc
    except UNEXPECTED as exc:  # a retry would raise it again
        get_logger(__name__).exception("reader_mistaken", source=path)
        raise SourceRejected(f"{path}: {unexpected_error(exc)}") from exc


def unexpected_error(exc: Exception) -> str:
    """Return the message for an error that the reader should not raise: it is our error, not the file's."""
    *_, last = traceback.extract_tb(exc.__traceback__)
    place = f"{type(exc).__name__} in {Path(last.filename).name}, line {last.lineno}"
    return (
        f"pc_worker itself made a mistake while reading it ({place}; more is in the log): report it with the file; "
        "until it is fixed, load the table with pandas and save it as Parquet"
    )


def open_under(path: str, roots: Sequence[Path]) -> int:
    """Open a regular file for reading and return its descriptor; the checks are made on the open file.

    Raises:
        SourceRejected: If it is missing, unreadable, no regular file, or outside ``roots``.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError) as exc:
        reason = WHAT_TO_DO.get(getattr(exc, "errno", None) or 0) or getattr(exc, "strerror", None) or str(exc)
        raise SourceRejected(f"{path}: {reason}") from exc
    try:
        _check_opened(path, descriptor, roots)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _check_opened(path: str, descriptor: int, roots: Sequence[Path]) -> None:
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISDIR(mode):
        raise SourceRejected(f"{path}: it is a directory")
    if not stat.S_ISREG(mode):
        raise SourceRejected(f"{path}: it is no regular file")
    real = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
    if not any(real.is_relative_to(root) for root in roots):
        allowed = ", ".join(map(str, roots))
        raise SourceRejected(f"{path}: it lies outside the data roots ({allowed}); set PC_WORKER_DATA_ROOTS")


def _is_unchanged(table: Table, expected: dict[str, Any]) -> bool:
    """Return whether a table is of the file with which a job was split, also if a previous version split it."""
    return table.is_of(Fingerprint(**expected))


def as_dict(fingerprint: Fingerprint) -> dict[str, Any]:
    """Return a fingerprint as JSON values."""
    return {"size": fingerprint.size, "mtime_ns": fingerprint.mtime_ns, "digest": fingerprint.digest}
