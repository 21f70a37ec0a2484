"""Excel workbooks: one sheet, row by row, into JSON Lines in the spool; memory holds the workbook's texts only."""

from __future__ import annotations

import json
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any
from xml.etree.ElementTree import ParseError

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from pc_worker.reader.cells.normal import Json, label_text, normal
from pc_worker.reader.errors import Rejected, broken, not_a_table, over_limit
from pc_worker.reader.files.source import Source
from pc_worker.reader.files.written import written
from pc_worker.reader.formats import json_lines
from pc_worker.reader.formats.base import Index, Indexed, Opening, TableFormat
from pc_worker.reader.formats.json_rows import JsonRows, index_objects
from pc_worker.reader.formats.streams import stream_of
from pc_worker.reader.index.layout import Listing
from pc_worker.reader.index.sidecar import Damaged
from pc_worker.reader.limits import Limits
from pc_worker.reader.pickle.shapes.names import column_names

#: The limits of a sheet; a file can state more.
_MAX_ROWS = 1_048_576
#: Bytes of all parts but the sheets: these are held in memory.
_MAX_HELD = 256 << 20
_DAMAGE = (
    zipfile.BadZipFile, InvalidFileException, ParseError, LookupError, ValueError, TypeError, AttributeError,
    NotImplementedError, OverflowError, EOFError, zlib.error,
)  # fmt: skip
_ERRORS = frozenset({"", "#N/A", "#DIV/0!", "#REF!", "#VALUE!", "#NAME?", "#NULL!", "#NUM!", "#GETTING_DATA"})
_CONTAINER = "Excel sheet"


def _index(opening: Opening) -> Indexed:
    with stream_of(opening.content) as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about styles and other things that no table needs
        try:
            _check_parts(file, opening)
            book = load_workbook(file, read_only=True, data_only=True, keep_links=False)
        except _DAMAGE as error:
            raise _damaged("") from error
        sheet = _chosen(book.worksheets, opening.options.sheet)
        names = _write(_records(sheet), opening)
    with closing(Source(opening.place.copy("unpacked"))) as copy:
        index = index_objects(copy, json_lines.objects, opening.limits, names)
    rows = _open(opening, index)
    return Indexed(replace(index, details={"sheet": str(sheet.title)}), rows, rows.notes())


def _open(opening: Opening, index: Index) -> JsonRows:
    if index.layout.rows is None:
        raise Damaged
    copy = Source(opening.place.copy("unpacked"))
    return _SheetRows(opening.content, copy, index.layout.rows, opening.limits)


class _SheetRows(JsonRows):
    """Rows of a sheet, from their copy in the spool."""

    def __init__(self, workbook: Source, copy: Source, listing: Listing, limits: Limits) -> None:
        super().__init__(copy, listing, limits, json_lines.objects, _CONTAINER)
        self._workbook = workbook

    def close(self) -> None:
        """Close the descriptors."""
        super().close()
        self._workbook.close()


def _check_parts(file: Any, opening: Opening) -> None:
    """Check what the workbook's parts would take, before any is unpacked."""
    parts = zipfile.ZipFile(file).infolist()
    limits, size = opening.limits, sum(part.file_size for part in parts)
    if size > limits.output_bytes or (size > limits.ratio_free_bytes and size > limits.ratio * opening.content.size):
        raise over_limit(f"the workbook expands to {size} bytes, more than {limits.ratio} times its size")
    held = sum(part.file_size for part in parts if not part.filename.startswith("xl/worksheets/"))
    if held > _MAX_HELD:
        raise over_limit(f"the workbook's texts and styles take {held} bytes and the limit is {_MAX_HELD}")


def _chosen(sheets: Sequence[Any], wanted: str | None) -> Any:
    """Return the sheet of a name or number, the first if none is asked for."""
    if not sheets:
        raise not_a_table("the workbook has no sheet with cells")
    if wanted is None:
        return sheets[0]
    named = [sheet for sheet in sheets if sheet.title == wanted]
    if named:
        return named[0]
    if wanted.isdecimal() and 1 <= int(wanted) <= len(sheets):
        return sheets[int(wanted) - 1]
    titles = ", ".join(repr(sheet.title) for sheet in sheets[:20])
    raise not_a_table(f"the workbook has no sheet {wanted!r}; it has {titles}")


def _write(records: Iterator[tuple[int, list[Json]]], opening: Opening) -> tuple[str, ...]:
    """Write the rows to the spool as JSON Lines, and return the names of the columns."""
    first = next(records, None)
    if first is None:
        raise not_a_table("the sheet is empty")
    names = tuple(column_names([_label(cell, place) for place, cell in enumerate(first[1])]))
    if len(names) > opening.limits.columns:
        raise over_limit(f"the sheet has {len(names)} columns and the limit is {opening.limits.columns}")
    with written(opening.place.copy("unpacked")) as target:
        for row, (number, cells) in enumerate(records):
            if len(cells) > len(names):
                reason = (
                    f"row {number} of the sheet has {len(cells)} cells and the header {len(names)}: name its columns"
                )
                raise Rejected("broken", reason, row=row)
            cells += [None] * (len(names) - len(cells))
            record = dict(zip(names, cells, strict=True))
            target.write(json.dumps(record, allow_nan=False).encode() + b"\n")
    return names


def _label(cell: Json, place: int) -> str:
    return f"Unnamed: {place}" if cell is None else label_text(cell)


def _records(sheet: Any) -> Iterator[tuple[int, list[Json]]]:
    """Yield the rows with their numbers, from the first that has a cell to the last; cells that end a row are cut."""
    sheet.reset_dimensions()  # what the file says of its size may be wrong
    rows, number, blank, begun = sheet.iter_rows(values_only=True), 0, 0, False
    while True:
        try:
            values = next(rows, None)
        except _DAMAGE as error:
            raise _damaged(f" after row {number}" if number else "") from error
        if values is None:
            return
        number += 1
        if number > _MAX_ROWS:
            raise over_limit(f"the sheet has more than {_MAX_ROWS} rows")
        cells = _cells(values)
        if not cells:
            blank += begun
            continue
        yield from ((number - blank + place, []) for place in range(blank))
        yield number, cells
        blank, begun = 0, True


def _cells(values: Sequence[Any]) -> list[Json]:
    cells = [_cell(value) for value in values]
    while cells and cells[-1] is None:
        cells.pop()
    return cells


def _cell(value: Any) -> Json:
    """Return a cell as pandas reads it: whole numbers as such, errors and empty texts as null."""
    if isinstance(value, str):
        return None if value in _ERRORS else value
    if isinstance(value, float):
        return int(value) if value.is_integer() else normal(value)
    return normal(value)


def _damaged(where: str) -> Rejected:
    return broken(f"the workbook is damaged{where}: open it in a spreadsheet program, and save it again as xlsx")


FORMAT = TableFormat(_index, _open)
