"""The reader returns, row for row, what the pandas that wrote a file reads from it."""

from __future__ import annotations

import json
import tarfile
from functools import cache
from pathlib import Path

import pytest

from pc_worker.reader import Table, open_table

ARCHIVES = sorted((Path(__file__).parent / "archives").glob("*.tar.xz"))
#: Forms, with the rows that are in them, that have been read: environments write some files alike to the byte.
DONE: set[tuple[bytes, bytes]] = set()


@cache
def contents(archive: Path) -> dict[str, bytes]:
    """Return the files in ``archive`` by name."""
    with tarfile.open(archive) as members:
        files = {member.name: members.extractfile(member) for member in members}
        return {name: file.read() for name, file in files.items() if file is not None}


CASES = [
    pytest.param(archive, name.removesuffix(".jsonl"), id=f"{archive.name[:-7]}-{name.removesuffix('.jsonl')}")
    for archive in ARCHIVES
    for name in contents(archive)
    if name.endswith(".jsonl")
]


@pytest.mark.filterwarnings("ignore:Period with BDay:FutureWarning")  # pandas' own, and only of that case
@pytest.mark.parametrize(("archive", "case"), CASES)
def test_every_form_of_the_file_reads_as_its_writer_says(archive: Path, case: str, tmp_path: Path) -> None:
    """Also in slices; rows are compared as JSON text, so types, order of keys and every digit count."""
    files = contents(archive)
    lines = files[f"{case}.jsonl"]
    forms = {name: data for name, data in files.items() if name.startswith(f"{case}.") and not name.endswith(".jsonl")}
    assert forms
    for name, data in forms.items():
        if (data, lines) not in DONE:
            (tmp_path / name).write_bytes(data)
            rows_are(lines.decode().splitlines(), tmp_path / name)
            if name == [*forms][-1] or not archive.name.startswith("pandas-"):
                rows_are_again(lines.decode().splitlines(), tmp_path / name)
            DONE.add((data, lines))


def rows_are(expected: list[str], path: Path) -> None:
    """Compare the rows of a file, by a new index."""
    with open_table(path, spool=path.parent) as table:
        assert table.rows == len(expected), path.name
        for start, stop in slices(table.rows):
            assert rows(table, start, stop) == expected[start:stop], f"{path.name} rows {start} to {stop}"


def rows_are_again(expected: list[str], path: Path) -> None:
    """Compare them by the index that was kept, in chunks."""
    with open_table(path, spool=path.parent) as table:
        step = max(7, table.rows // 5)
        again = [row for start in range(0, table.rows, step) for row in rows(table, start, start + step)]
        assert again == expected, f"{path.name} by the index that was kept"


def slices(count: int) -> list[tuple[int, int]]:
    """Return all rows, then single ones, the ends, and slices next to the marks of the index."""
    cuts = [(0, count), (0, 1), (count - 1, count), (1, count - 1), (count // 2, count // 2 + 3), (count, count)]
    long = [(999, 1001), (24, 26), (25, 51), (count - 30, count - 2)]
    return [(start, stop) for start, stop in cuts + long if 0 <= start <= stop <= count]


def rows(table: Table, start: int, stop: int) -> list[str]:
    """Return rows of ``table`` as JSON text."""
    batch = table.read(start, stop)
    return [json.dumps(batch.normal_row(i), allow_nan=False) for i in range(len(batch))]
