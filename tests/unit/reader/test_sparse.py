"""Sparse columns hold the values of a plain column of the same type."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.unit.reader.reading import read_twice


@pytest.mark.parametrize(
    "values",
    [
        np.array(["2024-01-01T00:00:00.000000001", "NaT", "1999-12-31"], "M8[ns]"),
        np.array(["2024-01-01", "NaT", "9999-12-31"], "M8[s]"),
        np.array([1, "NaT", -5], "m8[ns]"),
        np.array([0.1, np.nan, np.inf], "f4"),
        np.array([1, 0, 0], "i8"),
        np.array([True, False, False]),
        np.array([1 + 2j, 0, 0]),
    ],
    ids=lambda values: str(values.dtype),
)
def test_a_sparse_column_reads_as_the_plain_one(values: np.ndarray[Any, Any], tmp_path: Path) -> None:
    pd.to_pickle(pd.DataFrame({"v": pd.arrays.SparseArray(values)}), tmp_path / "sparse.pkl")
    pd.to_pickle(pd.DataFrame({"v": values}), tmp_path / "plain.pkl")

    sparse, plain = (read_twice(tmp_path / name, tmp_path) for name in ("sparse.pkl", "plain.pkl"))

    assert sparse == plain
