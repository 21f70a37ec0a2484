"""Opens a table: what the file is, its index from the spool or made now, and the rows behind it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from pc_worker.reader import sidecar
from pc_worker.reader.errors import over_limit
from pc_worker.reader.formats.base import Format, Index, Indexed, Opening, Packing, table_format
from pc_worker.reader.formats.compression import decompress
from pc_worker.reader.formats.sniff import format_of, packing_of
from pc_worker.reader.limits import Limits
from pc_worker.reader.sidecar import Notes
from pc_worker.reader.source import Fingerprint, Source
from pc_worker.reader.spool import Place, is_of, notes_of
from pc_worker.reader.table import Column, Rows, Table

_DEFAULT_LIMITS = Limits()


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
    content = _content(source, place, limits)
    try:
        table = _table(Opening(source=source, content=content, place=place, limits=limits))
    except BaseException:
        content.close()
        raise
    place.mark_used()
    return table


def _content(source: Source, place: Place, limits: Limits) -> Source:
    """Return the file to read: the source itself, or its unpacked copy in the spool."""
    packing = packing_of(source)
    if packing is None:
        return Source(source.path, source.descriptor)
    content = _unpacked(source, packing, place, limits)
    if packing_of(content) is not None:
        content.close()
        raise over_limit("the file is compressed more than once; unpack it")
    return content


def _unpacked(source: Source, packing: Packing, place: Place, limits: Limits) -> Source:
    target = place.file("unpacked")
    try:
        return Source(target)
    except FileNotFoundError:
        decompress(source, packing, target, limits)
        source.check_unchanged()
        return Source(target)


def _table(opening: Opening) -> Table:
    rows, notes = _kept(opening) or _indexed(opening)
    return Table(
        source=opening.source,
        fingerprint=Fingerprint(notes.size, notes.mtime_ns, notes.digest),
        columns=tuple(Column(note.name, note.kind, note.dimension) for note in notes.columns),
        rows=rows,
    )


def _kept(opening: Opening) -> tuple[Rows, Notes] | None:
    """Return the rows by the index in the spool, if there is a sound one of this very file."""
    try:
        layout, notes = sidecar.load(opening.place.file("index"))
        if not is_of(notes, opening.source):
            return None
        return table_format(Format(notes.format)).open(opening, Index(layout)), notes
    except (FileNotFoundError, sidecar.Damaged):
        return None


def _indexed(opening: Opening) -> tuple[Rows, Notes]:
    """Pass over the file once, and keep what was found in the spool."""
    source, kind = opening.source, format_of(opening.content)
    digest = _digest_beside(source, opening.content)
    found: Indexed = table_format(kind).index(opening)
    content_digest = digest()
    source.check_unchanged()
    notes = notes_of(source, content_digest, kind.value, found.columns)
    sidecar.save(opening.place.file("index"), found.index.layout, notes)
    return found.rows, notes


def _digest_beside(source: Source, content: Source) -> Callable[[], str]:
    """Return what gives the digest of ``source`` once ``content`` was passed over.

    Each byte is read once: what the pass reads is hashed. What was unpacked is another file than its source.
    """
    if content.stamp == source.stamp:
        content.begin_digest()
        return content.end_digest
    return source.digest
