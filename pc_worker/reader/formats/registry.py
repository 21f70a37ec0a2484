"""The formats of tables: how a file of each is recognised, and what reads it. A new format is one more entry here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pkgutil import resolve_name
from typing import cast

from pc_worker.reader.files.source import Source
from pc_worker.reader.formats.base import TableFormat
from pc_worker.reader.formats.sniff import (
    SniffedFile,
    begins_with,
    is_arrow_stream,
    is_excel,
    is_json_array,
    is_json_lines,
    is_pickle,
    is_text,
    is_zip_of_tables,
)
from pc_worker.reader.formats.unsupported import foreign
from pc_worker.reader.options import ReadOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A format of tables.

    Attributes:
        name: Its name, which is stored with indexes.
        recognise: Whether a file is of this format, if it is of none of the formats above.
        read_by: ``MODULE:NAME`` of its ``TableFormat``.
        how: How it is read, for the table of formats in ``docs/explanation/reader.md``.
    """

    name: str
    recognise: Callable[[SniffedFile], bool]
    read_by: str
    how: str

    def reader(self) -> TableFormat:
        """Return what reads it. Its module is loaded when first needed: pyarrow is large, most files are pickles."""
        return cast(TableFormat, resolve_name(self.read_by))


#: In the order in which a file is compared with them; before files of formats that are not read are refused by name.
BY_SIGNATURE: tuple[Format, ...] = (
    Format(
        name="parquet",
        recognise=begins_with(b"PAR1"),
        read_by="pc_worker.reader.formats.parquet:FORMAT",
        how="in batches of rows",
    ),
    Format(
        name="arrow file",
        recognise=begins_with(b"ARROW1\x00\x00"),
        read_by="pc_worker.reader.formats.arrow_ipc:FILE",
        how="Feather too; one record batch at a time is in memory",
    ),
    Format(
        name="orc",
        recognise=begins_with(b"ORC"),
        read_by="pc_worker.reader.formats.orc:FORMAT",
        how="in batches of rows",
    ),
    Format(
        name="arrow stream",
        recognise=is_arrow_stream,
        read_by="pc_worker.reader.formats.arrow_ipc:STREAM",
        how="one record batch at a time is in memory",
    ),
    Format(
        name="excel",
        recognise=is_excel,
        read_by="pc_worker.reader.formats.excel:FORMAT",
        how="xlsx, one sheet: the first, `--sheet NAME` or `--sheet NUMBER`. The first row that is not empty names the"
        " columns. Timestamps become ISO text, errors null",
    ),
    Format(
        name="zip of tables",
        recognise=is_zip_of_tables,
        read_by="pc_worker.reader.formats.zip_tables:FORMAT",
        how="tables of the same columns, in the order of the archive; files that macOS and Windows add are ignored",
    ),
)
#: Compared after that, in this order; the last one takes every text.
BY_CONTENT: tuple[Format, ...] = (
    Format(
        name="pickle",
        recognise=is_pickle,
        read_by="pc_worker.reader.formats.pickle:FORMAT",
        how="of a DataFrame, a dict of columns or a list of dicts, see above",
    ),
    Format(
        name="json lines",
        recognise=is_json_lines,
        read_by="pc_worker.reader.formats.json_lines:FORMAT",
        how="object by object, as UTF-8, by msgspec; what it rejects is left to Python's `json`; values nest at most 60"
        " levels",
    ),
    Format(
        name="json array",
        recognise=is_json_array,
        read_by="pc_worker.reader.formats.json_array:FORMAT",
        how="of objects, read like JSON Lines",
    ),
    Format(
        name="csv",
        recognise=is_text,
        read_by="pc_worker.reader.formats.csv:FORMAT",
        how="and similar text tables: every cell is text, see below",
    ),
)


def all_formats() -> tuple[Format, ...]:
    """Return every format."""
    return (*BY_SIGNATURE, *BY_CONTENT)


def format_named(name: str) -> Format:
    """Return a format by its name."""
    return next(known for known in all_formats() if known.name == name)


def format_of(content: Source, options: ReadOptions) -> Format:
    """Return the format of a file that is not packed.

    Raises:
        Rejected: If it is empty, or of no format that is read; by its name where that is known.
    """
    sample = SniffedFile.of(content, options)
    for known in BY_SIGNATURE:
        if known.recognise(sample):
            return known
    if (rejection := foreign(sample.head)) is not None:
        raise rejection
    return next(known for known in BY_CONTENT if known.recognise(sample))
