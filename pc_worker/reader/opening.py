"""Opens a table: what the file is, its index from the spool or made now, and the rows behind it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from pc_worker.reader.errors import over_limit
from pc_worker.reader.files.source import Fingerprint, OpenFile, Source
from pc_worker.reader.formats.base import Index, Indexed, Opening
from pc_worker.reader.formats.compression import decompress
from pc_worker.reader.formats.registry import format_named, format_of
from pc_worker.reader.formats.sniff import packing_of
from pc_worker.reader.index import sidecar
from pc_worker.reader.index.sidecar import Notes
from pc_worker.reader.limits import Limits
from pc_worker.reader.memory import keep_freed_memory
from pc_worker.reader.options import ReadOptions
from pc_worker.reader.spool import SpoolEntry, is_of, notes_of
from pc_worker.reader.table import Column, Rows, Table
from pc_worker.reader.text.dialect import without_packing

_DEFAULT_LIMITS = Limits()
_NO_OPTIONS = ReadOptions()


def open_table(
    path: str | os.PathLike[str],
    *,
    spool: Path,
    limits: Limits = _DEFAULT_LIMITS,
    fd: int | OpenFile | None = None,
    options: ReadOptions = _NO_OPTIONS,
) -> Table:
    """Open the table in the file at ``path``; nothing in it is executed or imported.

    The first opening walks over the whole file once and leaves an index in ``spool``; later ones, also by other
    processes, use it. A compressed file is unpacked into ``spool`` once.

    Args:
        path: The file; also names it in messages.
        spool: An existing folder for indexes and unpacked files, readable by everyone who may read the tables.
        limits: Budgets; passing one refuses the file.
        fd: An open descriptor or file, used instead of opening ``path``; the caller keeps its own.
        options: What is specified about the file instead of being found out.

    Raises:
        Rejected: If the file is unsafe, broken, no table, or over a limit; before any row is given.
        SourceChanged: If the file changes meanwhile.
        OSError: If the file cannot be read or the spool not written.
    """
    return _opened(_place(Source(path, fd), spool, options), limits, options)


def index_path(
    path: str | os.PathLike[str], *, spool: Path, fd: int | OpenFile | None = None, options: ReadOptions = _NO_OPTIONS
) -> Path:
    """Return where ``open_table`` keeps or looks for the index of this file."""
    with closing(Source(path, fd)) as source:
        return _place(source, spool, options).index


def copies_of(index: Path) -> list[Path]:
    """Return the files in the spool, next to its index, that an index leads to.

    Raises:
        FileNotFoundError: If there is no such index, or it is damaged.
    """
    try:
        _, notes = sidecar.load(index)
    except sidecar.Damaged as error:
        raise FileNotFoundError(index) from error
    return sorted(path for path in index.parent.glob(f"{index.stem}-{notes.copies}.*") if path.suffix != ".lock")


def _place(source: Source, spool: Path, options: ReadOptions) -> SpoolEntry:
    return SpoolEntry(source, spool, variant="" if options == _NO_OPTIONS else repr(options))


def _opened(place: SpoolEntry, limits: Limits, options: ReadOptions) -> Table:
    keep_freed_memory()
    try:
        if place.source.size > limits.file_bytes:
            raise over_limit(f"the file has {place.source.size} bytes and the limit is {limits.file_bytes}")
        return _kept(place, limits, options) or _made(place, limits, options)
    except BaseException:
        place.source.close()
        raise


def _kept(place: SpoolEntry, limits: Limits, options: ReadOptions) -> Table | None:
    """Return the table by the index in the spool, if there is a sound one of this very content."""
    try:
        layout, notes = sidecar.load(place.index)
    except (FileNotFoundError, sidecar.Damaged):
        return None
    place = place.with_copies(notes.copies)
    if not is_of(notes, place.source):
        place.remove_copies()
        return None
    try:
        packed = packing_of(place.source) is not None
        content = Source(place.copy("unpacked")) if packed else _itself(place.source)
        opening = _opening(place, content, limits, options)
    except FileNotFoundError:
        return None
    with _closing_in_trouble(opening.content):
        try:
            rows = format_named(notes.format).reader().open(opening, Index(layout, notes.details))
        except (FileNotFoundError, sidecar.Damaged):
            opening.content.close()
            return None
        place.mark_used()
        return _table(opening, rows, notes)


def _made(place: SpoolEntry, limits: Limits, options: ReadOptions) -> Table:
    """Pass over the file once, and keep what was found in the spool."""
    with place.new_copies() as made:
        content, digest = _content(made, limits)
        with _closing_in_trouble(content):
            return _indexed(_opening(made, content, limits, options), digest)


def _opening(place: SpoolEntry, content: Source, limits: Limits, options: ReadOptions) -> Opening:
    return Opening(
        source=place.source,
        content=content,
        place=place,
        limits=limits,
        options=options,
        name=without_packing(os.path.basename(place.source.path)),
        open_copy=lambda path: _opened(SpoolEntry(Source(path), path.parent, part_of=path.name), limits, options),
    )


def _itself(source: Source) -> Source:
    return source.again()


@contextmanager
def _closing_in_trouble(content: Source) -> Iterator[None]:
    try:
        yield
    except BaseException:
        content.close()
        raise


def _content(place: SpoolEntry, limits: Limits) -> tuple[Source, Callable[[], str]]:
    """Return the file to read, the source itself or its unpacked copy, and what returns the source's digest after it.

    Each byte is read once: what the pass over the content, or the unpacking, reads is hashed.
    """
    source = place.source
    packing = packing_of(source)
    if packing is None:
        content = _itself(source)
        content.begin_digest()
        return content, content.end_digest
    source.begin_digest()
    decompress(source, packing, place.copy("unpacked"), limits)
    digest = source.end_digest()
    source.check_unchanged()
    content = Source(place.copy("unpacked"))
    if packing_of(content) is not None:
        content.close()
        raise over_limit("the file is compressed more than once; unpack it")
    return content, lambda: digest


def _indexed(opening: Opening, digest: Callable[[], str]) -> Table:
    kind = format_of(opening.content, opening.options)
    found: Indexed = kind.reader().index(opening)
    notes = notes_of(opening.place, digest(), kind.name, found.columns, found.index.details)
    opening.source.check_unchanged()
    sidecar.save(opening.place.index, found.index.layout, notes)
    return _table(opening, found.rows, notes)


def _table(opening: Opening, rows: Rows, notes: Notes) -> Table:
    return Table(
        source=opening.source,
        fingerprint=Fingerprint(notes.size, notes.mtime_ns, notes.digest),
        columns=tuple(Column(note.name, note.kind, note.dimension) for note in notes.columns),
        rows=rows,
        details=notes.details,
    )
