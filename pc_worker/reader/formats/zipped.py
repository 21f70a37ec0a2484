"""Zip archives: of one file, of several tables of one schema, or what only looks like one, such as a workbook."""

from __future__ import annotations

import os
import re
import struct
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO

from pc_worker.reader.errors import broken, not_a_table, over_limit
from pc_worker.reader.files.source import Source
from pc_worker.reader.formats.streams import stream_of
from pc_worker.reader.formats.unsupported import rejection
from pc_worker.reader.limits import Limits

#: LZMA in a zip file could ask for any amount of memory.
_TYPES = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)
#: What ``zipfile`` raises for archives that are damaged, encrypted, or packed in a way it does not know.
ERRORS = (zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, IndexError, struct.error)
_DAMAGED = "the zip archive is damaged or cut short: copy it again, or pack the file again"
#: The flag of a member that is read with a password only.
_ENCRYPTED = 1
_MAX_MEMBERS = 1000
#: Bytes of an archive's list of members, which is held in memory.
_MAX_LIST = 16 << 20
_JUNK = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})
#: Names of members by which other formats are known that are zip archives too.
_OTHERS: tuple[tuple[str, str, str], ...] = (
    (r"xl/workbook\.bin", "a binary Excel workbook (xlsb)", "save it as xlsx or CSV"),
    (r"word/document\.xml", "a Word document", "export its table as CSV"),
    (r"ppt/presentation\.xml", "a PowerPoint presentation", "export its table as CSV"),
    (r"content\.xml", "an OpenDocument file", "save it as xlsx or CSV"),
    (r"META-INF/MANIFEST\.MF", "a Java archive", "give a table"),
    (r"[^/]+/data\.pkl", "a PyTorch checkpoint", "put its tensors into a DataFrame, and save that as Parquet"),
    (r"_rels/\.rels", "an Office file", "save it as xlsx or CSV"),
)


def is_workbook(source: Source) -> bool:
    """Return whether a zip archive is an Excel workbook."""
    with _archive(source) as archive:
        return "xl/workbook.xml" in archive.namelist()


def table_members(source: Source) -> list[zipfile.ZipInfo]:
    """Return the members of an archive that may be tables; what systems leave in archives is left out.

    Raises:
        Rejected: If it is another format that is packed as a zip archive, empty, damaged, or of too many members.
    """
    with _archive(source) as archive:
        members = [member for member in archive.infolist() if not _is_junk(member)]
    names = [member.filename for member in members]
    for pattern, name, hint in _OTHERS:
        if any(re.fullmatch(pattern, member) for member in names):
            raise rejection(name, hint)
    if names and all(name.endswith(".npy") for name in names):
        raise rejection(
            "a NumPy archive (npz)", "put its arrays into a DataFrame, and save that as Parquet or a pickle"
        )
    if not members:
        raise not_a_table("the zip archive holds no file")
    if len(members) > _MAX_MEMBERS:
        raise over_limit(f"the zip archive holds {len(members)} files and the limit is {_MAX_MEMBERS}")
    return members


def _is_junk(member: zipfile.ZipInfo) -> bool:
    name = os.path.basename(member.filename)
    hidden = name.startswith("._") or name in _JUNK
    return member.is_dir() or not name or hidden or member.filename.startswith("__MACOSX/")


def check_sizes(members: Sequence[zipfile.ZipInfo], source: Source, limits: Limits) -> None:
    """Check what the members would take together, before any is unpacked.

    Raises:
        Rejected: If that is over a limit.
    """
    size = sum(member.file_size for member in members)
    if size > limits.output_bytes or (size > limits.ratio_free_bytes and size > limits.ratio * source.size):
        raise over_limit(f"the archive expands to {size} bytes, more than {limits.ratio} times its size")


@contextmanager
def opened_member(source: Source, member: zipfile.ZipInfo | None = None) -> Iterator[IO[bytes]]:
    """Open a member of an archive, by default the only one that may be a table.

    Raises:
        Rejected: If it is packed in a way that is not read, encrypted or damaged.
    """
    chosen = member or table_members(source)[0]
    if chosen.compress_type not in _TYPES:
        raise not_a_table("the zip archive is packed in a way that is not read; pack it again")
    if chosen.flag_bits & _ENCRYPTED:
        raise not_a_table("the zip archive is encrypted: unpack it with its password, and give the file in it")
    with _archive(source) as archive, archive.open(chosen) as stream:
        yield stream


@contextmanager
def _archive(source: Source) -> Iterator[zipfile.ZipFile]:
    _check_list(source)
    try:
        archive = zipfile.ZipFile(stream_of(source))
    except ERRORS as error:
        raise broken(_DAMAGED) from error
    with archive:
        try:
            yield archive
        except ERRORS as error:
            raise broken(_DAMAGED) from error


def _check_list(source: Source) -> None:
    start = max(0, source.size - (1 << 16) - 22)
    tail = source.read(start, source.size - start)
    end = tail.rfind(b"PK\x05\x06")
    if end >= 0 and len(tail) >= end + 16 and int.from_bytes(tail[end + 12 : end + 16], "little") > _MAX_LIST:
        raise over_limit(f"the zip archive's list of files is longer than {_MAX_LIST} bytes")
