"""Columns beyond the length at which the index pass changes gear."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pc_worker.reader import Limits, open_table

ROWS = 2300


@pytest.mark.parametrize(
    "cell",
    [
        pytest.param(lambda n: np.array(["x", "y", "z"][: n % 4], dtype=object), id="arrays of few texts"),
        pytest.param(lambda n: np.array([f"s{n}", f"y{n % 7}"], dtype=object), id="arrays of many texts"),
        pytest.param(lambda n: np.array([n, None, "t"], dtype=object), id="arrays of mixed objects"),
        pytest.param(lambda n: ["x", "y", "z"][: n % 4], id="lists"),
        pytest.param(lambda n: {"k": ["x", "y"], "n": n}, id="dicts of lists"),
        pytest.param(lambda n: [["x", "y"], [n]], id="lists of lists"),
        pytest.param(lambda n: np.full(8, n, np.float32), id="vectors"),
    ],
)
def test_every_cell_of_a_long_column_is_read(tmp_path: Path, cell: Any) -> None:
    frame = pd.DataFrame({"a": [cell(n) for n in range(ROWS)], "n": range(ROWS)})
    frame.to_pickle(tmp_path / "long.pkl")

    with open_table(tmp_path / "long.pkl", spool=tmp_path) as table:
        batch = table.read(0, ROWS)
        rows = [batch.normal_row(i) for i in range(ROWS)]

    plain = [value.tolist() if isinstance(value, np.ndarray) else value for value in frame["a"]]
    assert rows == [{"a": value, "n": n} for n, value in enumerate(plain)]


def test_a_list_before_a_set_in_a_long_column_is_two_cells(tmp_path: Path) -> None:
    cells: list[Any] = [[None], frozenset({1})] * ROWS
    pd.DataFrame({"a": cells}).to_pickle(tmp_path / "long.pkl")

    with open_table(tmp_path / "long.pkl", spool=tmp_path) as table:
        assert list(table.read(0, table.rows).columns["a"]) == cells


@pytest.mark.parametrize("protocol", [1, 2])
def test_numbers_that_are_written_as_text_are_read_from_the_file_and_not_kept(protocol: int, tmp_path: Path) -> None:
    numbers = np.random.default_rng(1).integers(-(2**62), 2**62, (40 * ROWS, 2))
    frame = pd.DataFrame(numbers, columns=["a", "b"])
    frame.to_pickle(tmp_path / "long.pkl", protocol=protocol)

    found: list[object] = []
    with open_table(tmp_path / "long.pkl", spool=tmp_path) as table:
        for start in range(0, table.rows, 7777):
            found += table.read(start, start + 7777).columns["b"]

    assert found == frame["b"].tolist()
    (index,) = tmp_path.glob("*.index")
    assert index.stat().st_size < numbers.nbytes / 10


def test_cells_that_protocol_0_appends_one_by_one_are_no_single_stretch(tmp_path: Path) -> None:
    frame = pd.DataFrame({"v": [np.arange(3) + n for n in range(ROWS)]})
    frame.to_pickle(tmp_path / "long.pkl", protocol=0)

    with open_table(tmp_path / "long.pkl", spool=tmp_path, limits=Limits(opcodes=5 * ROWS)) as table:
        assert np.array_equal(np.stack(frame["v"]), np.array(table.read(0, ROWS).columns["v"]))
