"""An upload keeps of its name only the endings that say how it is packed and what divides the cells of its table."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from pc_worker.reader import ReadOptions, open_table
from pc_worker.services.ingest.uploads import Upload


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("Notes.CSV", "job.csv"),
        ("a.b.tsv", "job.tsv"),
        ("../x.psv", "job.psv"),
        ("a.CSV.Gz", "job.csv.gz"),
        ("a.tab.zst", "job.tab.zst"),
        ("a.pkl.gz", "job"),
        (".gz", "job"),
        ("", "job"),
    ],
)
def test_the_ending_that_is_kept(name: str, kept: str, tmp_path: Path) -> None:
    with Upload(tmp_path / "job", 1000, lambda _: True) as upload:
        upload.write([b"text\n", b"first words\nother words\n"])

        assert upload.finish(ReadOptions(), name=name) == tmp_path / kept

    assert [path.name for path in tmp_path.iterdir()] == [kept]


@pytest.mark.parametrize(("name", "packed"), [("notes.csv", bytes), ("notes.csv.gz", gzip.compress)])
def test_a_table_of_one_column_is_read_as_the_file_that_was_sent(
    name: str, packed: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    with Upload(tmp_path / "job", 1000, lambda _: True) as upload:
        upload.write([packed(b"text\nfirst words\nother words\n")])
        path = upload.finish(ReadOptions(), name=name)

    with open_table(path, spool=tmp_path) as table:
        assert [column.name for column in table.columns] == ["text"]
        assert table.rows == 2
