"""What a refused file says: the column, the row and the class by name, never that it is broken or unsafe."""

from __future__ import annotations

import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pc_worker.reader import Refused, open_table

ODD: dict[str, tuple[Any, str]] = {
    "Series": (pd.Series([1]), "Series"),
    "DataFrame": (pd.DataFrame({"a": [1]}), "DataFrame"),
    "Index": (pd.Index([1, 2]), "Index"),
    "IntegerArray": (pd.array([1, None], dtype="Int64"), "IntegerArray"),
    "an array that holds one": (np.array([pd.Series([1]), 2], dtype=object), "numpy.ndarray"),
}


def refusal(value: object, folder: Path) -> Refused:
    (folder / "f").write_bytes(pickle.dumps(value))
    with pytest.raises(Refused) as caught:
        open_table(folder / "f", spool=folder)
    return caught.value


@pytest.mark.parametrize(("rows", "row"), [(3, 1), (2000, 17), (2000, 1999)])
@pytest.mark.parametrize("name", ODD)
def test_a_cell_that_is_no_value_is_named_by_column_row_and_class(
    name: str, rows: int, row: int, tmp_path: Path
) -> None:
    odd, kind = ODD[name]
    cells = np.empty(rows, dtype=object)
    cells[:] = "text"
    cells[row] = odd
    frame = pd.DataFrame({"n": range(rows), "a": pd.Series(["x"] * rows, dtype=object), "b": pd.Series(cells)})

    error = refusal(frame, tmp_path)

    assert (error.kind, error.column, error.row) == ("not a table", "b", row)
    assert f"column `b`, row {row} holds a `{kind}`" in error.reason


@pytest.mark.parametrize("rows", [3, 1500])
def test_a_column_of_a_dict_is_named_too(rows: int, tmp_path: Path) -> None:
    error = refusal({"a": [*range(rows)], "b": ["x"] * (rows - 1) + [pd.Series([1])]}, tmp_path)

    assert (error.column, error.row) == ("b", rows - 1)


def test_a_series_of_frames_is_named(tmp_path: Path) -> None:
    error = refusal(pd.Series([pd.DataFrame()] * 2, name="frames"), tmp_path)

    assert "column `frames`, row 0 holds a `DataFrame`" in error.reason


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (np.zeros((3, 2)), "the file holds a numpy.ndarray"),
        (pd.Index([1]), "the file holds a Index"),
        ([pd.DataFrame()] * 40, "the file holds a list"),
        ("text", "the file holds a str"),
    ],
    ids=["array", "index", "frames", "text"],
)
def test_what_is_no_table_is_called_by_its_class(value: object, words: str, tmp_path: Path) -> None:
    assert words in refusal(value, tmp_path).reason


def test_objects_beside_a_table_do_not_refuse_it(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(pickle.dumps({"data_frame": pd.DataFrame({"a": [1]}), "more": [pd.Series([1])] * 90}))

    with open_table(tmp_path / "f", spool=tmp_path) as table:
        assert table.rows == 1


def test_no_message_is_a_catch_all_or_names_a_library_option() -> None:
    sources = "".join(path.read_text() for path in Path("pc_worker/reader").rglob("*.py"))

    assert not re.search(r"cannot make sense|something went wrong", sources)
