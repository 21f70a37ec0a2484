"""Files written by pandas 1.5.3, 2.2.3 and 3.1.1 give the rows that pandas itself reads from them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.reader.reading import read_twice

FILES = sorted((Path(__file__).parents[2] / "golden" / "files").glob("*/*.pkl"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_golden_file_gives_the_rows_that_pandas_reads(path: Path, tmp_path: Path) -> None:
    expected = json.loads((path.parent / f"{path.name.partition('.')[0]}.json").read_text())

    rows = read_twice(path, tmp_path)

    assert rows == expected


@pytest.mark.parametrize("path", FILES[::9], ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_keys_stand_in_the_order_of_the_columns(path: Path, tmp_path: Path) -> None:
    expected = json.loads((path.parent / f"{path.name.partition('.')[0]}.json").read_text())

    rows = read_twice(path, tmp_path, chunk=7)

    assert [list(row) for row in rows] == [list(row) for row in expected]
