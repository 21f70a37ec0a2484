"""Sources: regular files under the data roots, opened once per process and read by chunk."""

from __future__ import annotations

import os
import stat
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import Any

from pc_worker.errors import (
    HomeUnusable,
    InvalidRequest,
    PcWorkerError,
    SourceForbidden,
    SourceRejected,
    Unavailable,
)
from pc_worker.file_faults import LACKING, file_fault
from pc_worker.logs import get_logger
from pc_worker.object_urls import ObjectUrl, is_url, read_url
from pc_worker.reader import (
    Fingerprint,
    Inspection,
    Limits,
    LocalFile,
    OpenFile,
    ReadOptions,
    Rejected,
    SourceChanged,
    Table,
    index_path,
    inspect_file,
    open_table,
)
from pc_worker.services.shared_spool import SharedSpool

#: Tables kept open: enough for the jobs that one process alternates between.
TABLES_KEPT = 2
NO_OPTIONS = ReadOptions()

#: Errors that the reader should not raise.
UNEXPECTED = (LookupError, ValueError, TypeError, ArithmeticError, AttributeError, RecursionError, AssertionError)


class Sources:
    """The tables under the roots; the last few stay open, since chunks of one job follow each other.

    Args:
        roots: Folders in which files may be, resolved.
        url_roots: Prefixes under which objects may be.
        spool: Folder of the reader's sidecars and decompressed copies.
        limits: The reader's limits.
        shared: What all machines share of their spools; None: each machine indexes and converts by itself.
    """

    def __init__(
        self,
        roots: Sequence[Path],
        *,
        url_roots: Sequence[ObjectUrl] = (),
        spool: Path,
        limits: Limits,
        shared: SharedSpool | None = None,
    ) -> None:
        self._roots, self._url_roots = tuple(roots), tuple(url_roots)
        self._spool, self._limits, self._shared = spool, limits, shared
        self._tables: dict[tuple[str, ReadOptions], Table] = {}

    def check(self, path: str) -> None:
        """Check that ``path`` may be ingested, without reading it.

        Raises:
            SourceRejected: If the path is rejected, with the reason.
            Unavailable: If its store does not answer.
        """
        with self._opened(path):
            pass

    @contextmanager
    def _opened(self, path: str) -> Iterator[OpenFile]:
        file: OpenFile = self._object(path) if is_url(path) else LocalFile(path, open_under(path, self._roots))
        try:
            yield file
        finally:
            file.close()

    def _object(self, path: str) -> OpenFile:
        from pc_worker.object_store.file import open_object

        try:
            url = read_url(path)
        except InvalidRequest as exc:
            raise SourceRejected(str(exc)) from exc
        if not self.is_allowed(url):
            allowed = ", ".join(map(str, (*self._roots, *self._url_roots)))
            raise SourceForbidden(f"{path}: it lies outside the data roots ({allowed}); set PC_WORKER_DATA_ROOTS")
        return open_object(url, self._spool)

    @contextmanager
    def file(self, path: str) -> Iterator[BufferedReader]:
        """Open a source to read its bytes.

        Raises:
            SourceRejected: If the path is rejected, with the reason.
        """
        with os.fdopen(open_under(path, self._roots), "rb") as file:
            yield file

    def is_allowed(self, place: str | ObjectUrl) -> bool:
        """Return whether a path, its links followed, or a URL is under the data roots."""
        if isinstance(place, str) and is_url(place):
            place = read_url(place)
        if isinstance(place, ObjectUrl):
            return any(place.is_under(root) for root in self._url_roots)
        real = Path(os.path.realpath(place))
        return any(real.is_relative_to(root) for root in self._roots)

    def inspect(self, path: str, options: ReadOptions = NO_OPTIONS) -> Inspection:
        """Return a report of a source's content, without loading it; ``options`` are set instead of detected.

        Raises:
            SourceRejected: If the path is rejected; a rejected content is part of the report.
        """
        with self._opened(path) as file, rejecting(path):
            self._make_spool()
            return inspect_file(path, spool=self._spool, limits=self._limits, fd=file, options=options)

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
        if kept is None or kept.is_stale() or expected is None or not _is_unchanged(kept, expected):
            if kept is not None:
                kept.close()
            kept = self._open(path, options, is_first=expected is None)
        self._tables[key] = kept
        while len(self._tables) > TABLES_KEPT:
            self._tables.pop(next(iter(self._tables))).close()
        if expected is not None and not _is_unchanged(kept, expected):
            raise SourceRejected(f"{path}: the source changed after the job began: ingest it again")
        return kept

    def _open(self, path: str, options: ReadOptions, *, is_first: bool) -> Table:
        with self._opened(path) as file, rejecting(path):
            self._make_spool()
            if self._shared is None or isinstance(file, LocalFile):
                return open_table(path, spool=self._spool, limits=self._limits, fd=file, options=options)
            index = index_path(path, spool=self._spool, fd=file, options=options)
            is_known = self._shared.fetch(index)
            table = open_table(path, spool=self._spool, limits=self._limits, fd=file, options=options)
            try:
                if not is_known:  # copies may be large: a chunk has no time to write them there
                    self._shared.keep(index, with_copies=is_first)
            except BaseException:
                table.close()
                raise
            return table

    def _make_spool(self) -> None:
        try:
            self._spool.mkdir(mode=0o700, parents=True, exist_ok=True)
            usable = os.access(self._spool, os.R_OK | os.W_OK | os.X_OK)
        except OSError:
            usable = False
        if not usable:
            raise HomeUnusable(self._spool, "cannot be written: change its owner or its mode")

    def close(self) -> None:
        """Close every table."""
        while self._tables:
            self._tables.popitem()[1].close()


def whole_path(path: str) -> str:
    """Return a source's path from the root, or its URL in its one spelling.

    Raises:
        InvalidRequest: If it is a URL that cannot be a source.
    """
    return str(read_url(path)) if is_url(path) else os.path.abspath(path)


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
        Unavailable: If the machine lacks what is needed to read the file.
    """
    try:
        yield
    except (Rejected, SourceChanged) as exc:
        raise SourceRejected(f"{path}: {exc}") from exc
    except OSError as exc:
        raise _system_error(path, exc, exc.strerror or str(exc)) from exc
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
        Unavailable: If the machine lacks what is needed to open it.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError) as exc:
        raise _system_error(path, exc, file_fault(exc)) from exc
    try:
        _check_opened(path, descriptor, roots)
    except BaseException as exc:
        os.close(descriptor)
        if isinstance(exc, OSError):
            raise _system_error(path, exc, file_fault(exc)) from exc
        raise
    return descriptor


def _system_error(path: str, exc: OSError | ValueError, fault: str) -> PcWorkerError:
    """Return the error of ours for one of the system: it may pass, or forbids to read the source, or rejects it."""
    lacking = LACKING.get(getattr(exc, "errno", None) or 0)
    if lacking is not None:
        return Unavailable(f"{path} cannot be read now: {lacking}")
    return (SourceForbidden if isinstance(exc, PermissionError) else SourceRejected)(f"{path}: {fault}")


def _check_opened(path: str, descriptor: int, roots: Sequence[Path]) -> None:
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISDIR(mode):
        raise SourceRejected(f"{path}: it is a directory")
    if not stat.S_ISREG(mode):
        raise SourceRejected(f"{path}: it is no regular file")
    real = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
    if not any(real.is_relative_to(root) for root in roots):
        allowed = ", ".join(map(str, roots))
        raise SourceForbidden(f"{path}: it lies outside the data roots ({allowed}); set PC_WORKER_DATA_ROOTS")


def _is_unchanged(table: Table, expected: dict[str, Any]) -> bool:
    """Return whether a table is of the file with which a job was split, also if a previous version split it."""
    return table.is_of(Fingerprint(**expected))


def as_dict(fingerprint: Fingerprint) -> dict[str, Any]:
    """Return a fingerprint as JSON values."""
    return {"size": fingerprint.size, "mtime_ns": fingerprint.mtime_ns, "digest": fingerprint.digest}
