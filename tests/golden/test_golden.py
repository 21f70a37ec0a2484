"""The reader gives, row for row, what the pandas that wrote a file says is in it."""

from __future__ import annotations

import json
import tarfile
from collections import defaultdict
from pathlib import Path

import pytest

from pc_worker.reader import Table, open_table

ARCHIVES = sorted((Path(__file__).parent / "archives").glob("*.tar.xz"))


def cases_of(archive: Path) -> list[str]:
    """The names of the cases in ``archive``."""
    with tarfile.open(archive) as members:
        return [name.removesuffix(".jsonl") for name in members.getnames() if name.endswith(".jsonl")]


CASES = [
    pytest.param(archive, case, id=f"{archive.name[:-7]}-{case}") for archive in ARCHIVES for case in cases_of(archive)
]


@pytest.fixture(scope="session")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, dict[str, list[Path]]]:
    """The files of each archive by case."""
    found = {}
    for archive in ARCHIVES:
        folder = tmp_path_factory.mktemp("golden")
        with tarfile.open(archive) as members:
            members.extractall(folder, filter="data")
        files = defaultdict(list)
        for path in sorted(folder.iterdir()):
            files[path.name.partition(".")[0]].append(path)
        found[archive] = dict(files)
    return found


@pytest.mark.filterwarnings("ignore:Period with BDay:FutureWarning")  # pandas' own, and only of that case
@pytest.mark.parametrize(("archive", "case"), CASES)
def test_every_form_of_the_file_reads_as_its_writer_says(
    archive: Path, case: str, unpacked: dict[Path, dict[str, list[Path]]], tmp_path: Path
) -> None:
    """Also in slices; rows are compared as JSON text, so types, order of keys and every digit count."""
    expected: list[str] = []
    forms: list[Path] = []
    for path in unpacked[archive][case]:
        if path.suffix == ".jsonl":
            expected = path.read_text().splitlines()
        else:
            forms.append(path)
    for path in forms:
        with open_table(path, spool=tmp_path) as table:
            assert table.rows == len(expected), path.name
            for start, stop in slices(table.rows):
                assert rows(table, start, stop) == expected[start:stop], f"{path.name} rows {start} to {stop}"


def slices(count: int) -> list[tuple[int, int]]:
    """All rows, then single ones, the ends, and cuts beside the marks that the index keeps."""
    cuts = [(0, count), (0, 1), (count - 1, count), (1, count - 1), (count // 2, count // 2 + 3), (count, count)]
    long = [(999, 1001), (24, 26), (25, 51), (count - 30, count - 2)]
    return [(start, stop) for start, stop in cuts + long if 0 <= start <= stop <= count]


def rows(table: Table, start: int, stop: int) -> list[str]:
    """Rows of ``table`` as JSON text."""
    batch = table.read(start, stop)
    return [json.dumps(batch.normal_row(i), allow_nan=False) for i in range(len(batch))]
