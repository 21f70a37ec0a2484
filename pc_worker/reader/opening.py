"""Opens a table: what the file is, its index from the spool or made now, and the rows behind it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pc_worker.reader import sidecar
from pc_worker.reader.errors import Refused, SourceChanged, broken, over_limit
from pc_worker.reader.formats.compression import decompress
from pc_worker.reader.formats.pickle import PickledRows
from pc_worker.reader.formats.sniff import COMPRESSED, Format, format_of
from pc_worker.reader.index import index_pickles
from pc_worker.reader.layout import Layout
from pc_worker.reader.limits import Limits
from pc_worker.reader.sidecar import Notes
from pc_worker.reader.source import Fingerprint, Source
from pc_worker.reader.table import Column, Table

_DEFAULT_LIMITS = Limits()
#: What the spool may hold of one source.
ENDINGS = ("index", "unpacked", "arrow")


def open_table(
    path: str | os.PathLike[str], *, spool: Path, limits: Limits = _DEFAULT_LIMITS, fd: int | None = None
) -> Table:
    """Open the table in the file at ``path``; nothing in it is executed or imported.

    The first opening walks over the whole file once and leaves an index in ``spool``; later ones, also by other
    processes, use it. A compressed file is unpacked into ``spool`` once.

    Args:
        path: The file; also names it in messages.
        spool: An existing folder for indexes and unpacked files, readable by whoever may read the tables.
        limits: Budgets; passing one refuses the file.
        fd: An open descriptor of the file, used instead of opening ``path``; the caller keeps its own.

    Raises:
        Refused: If the file is unsafe, broken, no table, or over a limit; before any row is given.
        SourceChanged: If the file changes meanwhile.
        OSError: If the file cannot be read or the spool not written.
    """
    source = Source(path, fd)
    try:
        return _opened(source, spool, limits)
    except BaseException:
        source.close()
        raise


def _opened(source: Source, spool: Path, limits: Limits) -> Table:
    if source.size > limits.file_bytes:
        raise over_limit(f"the file has {source.size} bytes and the limit is {limits.file_bytes}")
    place = Place(source, spool)
    table = _open_at(place, source, limits)
    place.mark_used()
    return table


def _open_at(place: Place, source: Source, limits: Limits) -> Table:
    kind = format_of(source)
    if kind in COMPRESSED:
        content = _unpacked(source, kind, place, limits)
        kind = format_of(content)
        if kind in COMPRESSED:
            content.close()
            raise over_limit("the file is compressed more than once; unpack it")
    else:
        content = Source(source.path, source.descriptor)
    if kind == "pickle":
        return _pickled(source, content, place, limits)
    from pc_worker.reader.formats.arrow_copy import open_tabular  # pyarrow is large; most files are pickles

    return open_tabular(source, content, kind, place, limits)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a file's index and unpacked content stand in the spool; another version of the file has another place."""

    source: Source
    spool: Path

    def file(self, ending: str) -> Path:
        """The file with this ending."""
        stamp = self.source.stamp
        key = f"{os.path.abspath(self.source.path)}\0{stamp.size}\0{stamp.mtime_ns}"
        name = hashlib.blake2b(os.fsencode(key), digest_size=16).hexdigest()
        return self.spool / f"{name}.{ending}"

    def mark_used(self) -> None:
        """Give the spool's files of this source the time of now, by which those that nobody uses are told."""
        for ending in ENDINGS:
            with contextlib.suppress(FileNotFoundError, PermissionError):  # removed, or another user's
                os.utime(self.file(ending))


def _unpacked(source: Source, kind: Format, place: Place, limits: Limits) -> Source:
    target = place.file("unpacked")
    try:
        return Source(target)
    except FileNotFoundError:
        decompress(source, kind, target, limits)
        source.check_unchanged()
        return Source(target)


def _pickled(source: Source, content: Source, place: Place, limits: Limits) -> Table:
    try:
        found = _kept(source, content, place, limits)
        rows, notes, protocol = found or _indexed(source, content, place, limits)
    except BaseException:
        content.close()
        raise
    return Table(
        source=source,
        fingerprint=Fingerprint(notes.size, notes.mtime_ns, notes.digest),
        columns=tuple(Column(note.name, note.kind, note.dimension) for note in notes.columns),
        container=rows.container,
        protocol=protocol,
        rows=rows,
    )


def _kept(source: Source, content: Source, place: Place, limits: Limits) -> tuple[PickledRows, Notes, int] | None:
    """The table by the index in the spool, if there is a sound one of this very file."""
    try:
        layout, notes = sidecar.load(place.file("index"))
    except (FileNotFoundError, sidecar.Damaged):
        return None
    return (PickledRows(content, layout, limits), notes, layout.protocol) if is_of(notes, source) else None


def is_of(notes: Notes, source: Source) -> bool:
    """Whether an index is of this very file: same stamp, or at least the same content."""
    stamp = source.stamp
    if (notes.size, notes.mtime_ns) != (stamp.size, stamp.mtime_ns):
        return False
    return (notes.ctime_ns, notes.inode) == (stamp.ctime_ns, stamp.inode) or source.digest() == notes.digest


def _indexed(source: Source, content: Source, place: Place, limits: Limits) -> tuple[PickledRows, Notes, int]:
    digest = _digest_beside(source, content)
    layout = index_pickles(content, limits)
    rows, columns = _proved(content, layout, limits)
    found = digest()
    source.check_unchanged()
    notes = notes_of(source, found, columns)
    sidecar.save(place.file("index"), layout, notes)
    return rows, notes, layout.protocol


def _digest_beside(source: Source, content: Source) -> Callable[[], str]:
    """What gives the digest of ``source`` once ``content`` was walked over.

    Each byte is read once: the walk's own bytes are hashed. What was unpacked is another file than its source.
    """
    if content.stamp == source.stamp:
        content.begin_digest()
        return content.end_digest
    return source.digest


def _proved(content: Source, layout: Layout, limits: Limits) -> tuple[PickledRows, tuple[sidecar.ColumnNote, ...]]:
    """The rows, checked once; what numpy or Python itself refuses about how the parts fit is a broken file."""
    try:
        rows = PickledRows(content, layout, limits)
        rows.prove()
        return rows, rows.notes()
    except (TypeError, ValueError, OverflowError, ArithmeticError, LookupError, AttributeError) as error:
        raise broken(f"the parts of the table do not fit together ({type(error).__name__}: {error})") from error


def notes_of(source: Source, digest: str, columns: tuple[sidecar.ColumnNote, ...]) -> Notes:
    """What an index says of ``source``."""
    stamp = source.stamp
    return Notes(stamp.size, stamp.mtime_ns, stamp.ctime_ns, stamp.inode, digest, columns)


class Digest:
    """A file's digest, computed beside other work: hashing leaves the interpreter to others."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._found: str | None = None
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="reader-digest", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._found = self._source.digest()
        except (OSError, Refused, SourceChanged) as error:
            self._error = error

    def wait(self) -> None:
        """Wait until it is done."""
        self._thread.join()

    def result(self) -> str:
        """The digest.

        Raises:
            SourceChanged, OSError: What reading the file raised.
        """
        self.wait()
        if self._error is not None:
            raise self._error
        if self._found is None:
            raise RuntimeError("the digest ended without a result")
        return self._found
