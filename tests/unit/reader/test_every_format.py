"""What holds for every format, also for one that is added as the document describes it."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from pc_worker.reader import Limits, ReadOptions, Rejected, inspect_file, open_table
from pc_worker.reader.formats.registry import Format, all_formats
from pc_worker.reader.recognition import recognise
from tests.hostile.damaged_formats import ROWS, good_files
from tests.support.added_format import add_format
from tests.unit.reader.reading import read_bytes, read_twice

GOOD = good_files()
#: Formats in which a file without its last line is a file.
ENDLESS = ("csv", "json lines")
NAMES = [known.name for known in all_formats()]


def test_each_format_has_a_name_of_its_own_and_a_good_file() -> None:
    assert len(NAMES) == len(set(NAMES))
    assert set(GOOD) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_its_file_is_recognised_and_read_also_compressed(name: str, tmp_path: Path) -> None:
    (tmp_path / "table.gz").write_bytes(gzip.compress(GOOD[name]))

    rows = read_bytes(GOOD[name], tmp_path)

    assert recognise(tmp_path / "table", ReadOptions()) == name
    assert [(str(row["id"]), row["text"]) for row in rows] == [(str(row["id"]), row["text"]) for row in ROWS]
    assert read_twice(tmp_path / "table.gz", tmp_path) == rows


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ENDLESS])
def test_its_file_is_refused_without_its_end(name: str, tmp_path: Path) -> None:
    (tmp_path / "table").write_bytes(GOOD[name][:-9])

    with pytest.raises(Rejected):
        open_table(tmp_path / "table", spool=tmp_path)


@pytest.fixture
def added(monkeypatch: pytest.MonkeyPatch) -> Format:
    """Add the format of the document's example to the registry, as it is written there."""
    return add_format(monkeypatch)


def test_the_format_of_the_document_is_read_like_every_other(added: Format, tmp_path: Path) -> None:
    assert read_bytes(b"#properties\na=1\nb=zwei = 2\n", tmp_path) == [
        {"key": "a", "value": "1"},
        {"key": "b", "value": "zwei = 2"},
    ]
    assert recognise(tmp_path / "table", ReadOptions()) == added.name
    assert inspect_file(tmp_path / "table", spool=tmp_path).container == "properties file"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"#properties\na=1\nb\n", "broken: a line has no `=`"),
        (b"#properties\na=\xff\n", "broken: a line is not UTF-8"),
        (b"#properties\na=" + b"x" * 2000, "over a limit: a line is longer than 1000 bytes"),
    ],
    ids=["no value", "no text", "too long"],
)
def test_damaged_files_of_the_format_of_the_document_are_refused(
    added: Format, content: bytes, reason: str, tmp_path: Path
) -> None:
    (tmp_path / "table").write_bytes(content)

    with pytest.raises(Rejected, match=reason):
        open_table(tmp_path / "table", spool=tmp_path, limits=Limits(cell_bytes=1000))
