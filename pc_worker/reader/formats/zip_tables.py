"""Several tables of one schema in a zip archive, read one after another as one table."""

from __future__ import annotations

import json
import os
import re
from bisect import bisect_right
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipInfo

from pc_worker.reader.errors import Rejected, not_a_table, over_limit
from pc_worker.reader.files.source import Source
from pc_worker.reader.files.written import written
from pc_worker.reader.formats.base import Index, Indexed, Opening, TableFormat
from pc_worker.reader.formats.compression import copy_within
from pc_worker.reader.formats.sniff import packing_of
from pc_worker.reader.formats.zipped import check_sizes, is_workbook, opened_member, table_members
from pc_worker.reader.index.sidecar import ColumnNote
from pc_worker.reader.table import Column, Table

#: Tables that are open at a time.
_OPEN = 4


@dataclass(frozen=True, slots=True)
class _Part:
    """One table of the archive: the member's name, the ending of its copy, its rows."""

    member: str
    ending: str
    rows: int


def _index(opening: Opening) -> Indexed:
    members = table_members(opening.content)
    check_sizes(members, opening.content, opening.limits)
    parts: list[_Part] = []
    columns = _unpacked(opening, members, parts)
    index = Index(details={"parts": json.dumps([[part.member, part.ending, part.rows] for part in parts])})
    notes = tuple(ColumnNote(column.name, column.kind, column.dimension) for column in columns)
    return Indexed(index, _Rows(opening, parts), notes)


def _unpacked(opening: Opening, members: Sequence[ZipInfo], parts: list[_Part]) -> tuple[Column, ...]:
    """Unpack all members into the spool, note them in ``parts``, and return the columns that they share."""
    columns: tuple[Column, ...] = ()
    numbered: frozenset[str] = frozenset()
    for number, member in enumerate(members):
        ending = _ending(number, member.filename)
        _unpack(opening, member, ending)
        try:
            _check_plain(opening.place.copy(ending))
            with _table(opening, ending) as table:
                if number:
                    columns, now = _without_numbers(columns, numbered, table)
                    columns, numbered = _joined(columns, now, members[0].filename), numbered & table.numbered
                else:
                    columns, numbered = table.columns, table.numbered
                parts.append(_Part(member.filename, ending, table.rows))
        except Rejected as error:
            reason = f"{member.filename} in the archive: {error.reason}"
            raise Rejected(error.kind, reason, error.offset, error.column, error.row) from error
    return columns


def _unpack(opening: Opening, member: ZipInfo, ending: str) -> None:
    with written(opening.place.copy(ending)) as out, opened_member(opening.content, member) as stream:
        copy_within(stream, out, opening.content, opening.limits)


def _check_plain(path: Path) -> None:
    with closing(Source(path)) as part:
        if packing_of(part) is not None or (part.read(0, min(2, part.size)) == b"PK" and not is_workbook(part)):
            raise over_limit("it is compressed once more; unpack it")


def _open(opening: Opening, index: Index) -> _Rows:
    return _Rows(opening, [_Part(*values) for values in json.loads(index.details["parts"])])


def _ending(number: int, name: str) -> str:
    """Return the ending of a part's copy, with that of its name: this says that a text of one column is a table."""
    ending = os.path.splitext(name)[1].lower()
    return f"part{number}" + (ending if re.fullmatch(r"\.[a-z0-9]{1,8}", ending) else "")


def _table(opening: Opening, ending: str) -> Table:
    return opening.open_copy(opening.place.copy(ending))


def _without_numbers(
    before: tuple[Column, ...], numbered: frozenset[str], table: Table
) -> tuple[tuple[Column, ...], tuple[Column, ...]]:
    """Return the columns so far and those of the next table, without an index of numbers that only one of them has.

    The parts of a larger table have such indexes: that of the first is 0, 1, 2, …, which is no column.
    """
    of_both = {column.name for column in before} & {column.name for column in table.columns}
    return (
        tuple(column for column in before if column.name in of_both or column.name not in numbered),
        tuple(column for column in table.columns if column.name in of_both or column.name not in table.numbered),
    )


def _joined(before: tuple[Column, ...], now: tuple[Column, ...], first: str) -> tuple[Column, ...]:
    """Return the columns of both tables as one.

    Raises:
        Rejected: If they have other names.
    """
    by_name = {column.name: column for column in now}
    if by_name.keys() != {column.name for column in before}:
        differing = sorted(by_name.keys() ^ {column.name for column in before})
        named = ", ".join(map(repr, differing[:5]))
        raise not_a_table(f"its columns are not those of {first}: they differ in {named}; give tables of one schema")
    return tuple(_wider(column, by_name[column.name]) for column in before)


def _wider(one: Column, other: Column) -> Column:
    if one == other or other.kind == "null":
        return one
    if one.kind == "null":
        return other
    if {one.kind, other.kind} == {"int", "float"}:
        return Column(one.name, "float")
    lists = {one.kind, other.kind} <= {"list", "vector"}
    return Column(one.name, "list" if lists else "mixed")


class _Rows:
    """The rows of all tables, opened when they are read."""

    protocol: int | None = None
    writer: str | None = None
    numbered: frozenset[str] = frozenset()

    def __init__(self, opening: Opening, parts: Sequence[_Part]) -> None:
        self._opening, self._parts = opening, parts
        self._ends: list[int] = []
        for part in parts:
            self._ends.append(part.rows + (self._ends[-1] if self._ends else 0))
        self.rows = self._ends[-1]
        self.container = f"{len(parts)} tables in a zip archive"
        self._tables: dict[int, Table] = {}

    def stored_bytes(self) -> dict[str, int]:
        """Return nothing: it would take opening all tables."""
        return {}

    def read(self, start: int, stop: int, columns: Sequence[str]) -> dict[str, Sequence[object]]:
        """Return the cells of rows ``start`` up to ``stop`` of the named columns."""
        cells: dict[str, list[object]] = {name: [] for name in columns}
        place = bisect_right(self._ends, start)
        while start < stop:
            first = self._ends[place] - self._parts[place].rows
            found = self._table(place).read(start - first, min(stop, self._ends[place]) - first, columns)
            for name in columns:
                cells[name] += found.columns[name]
            start, place = self._ends[place], place + 1
        return dict(cells)

    def _table(self, place: int) -> Table:
        table = self._tables.pop(place, None)
        if table is None:
            table = self._opened(place)
            while len(self._tables) >= _OPEN:
                self._tables.pop(next(iter(self._tables))).close()
        self._tables[place] = table
        return table

    def _opened(self, place: int) -> Table:
        opening, part = self._opening, self._parts[place]
        if not opening.place.copy(part.ending).exists():  # purged: it was not used for long
            members = {member.filename: member for member in table_members(opening.content)}
            _unpack(opening, members[part.member], part.ending)
        return _table(opening, part.ending)

    def close(self) -> None:
        """Close the descriptors."""
        while self._tables:
            self._tables.popitem()[1].close()
        self._opening.content.close()


FORMAT = TableFormat(_index, _open)
