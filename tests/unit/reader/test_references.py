"""Columns of references to earlier values: texts and lists of a vocabulary, also where frames and batches end."""

from __future__ import annotations

import pickle
import random
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pc_worker.reader import open_table
from tests.hostile.corpus import unframed
from tests.unit.reader.reading import read_bytes, rows_of

WORDS = [f"skill {number}" for number in range(600)]


def lists(rows: int, fewest: int, *, odd: bool) -> list[list[Any]]:
    """Return lists of words; if ``odd``, some have a word of their own, a number or a list in them."""
    chance = random.Random(rows)
    cells: list[list[Any]] = [chance.sample(WORDS, chance.randint(fewest, 7)) for _ in range(rows)]
    for row in range(0, rows, 150) if odd else ():
        cells[row] += [f"only in {row}", row, [WORDS[row % 600], WORDS[0]]][: 1 + row % 3]
    return cells


@pytest.mark.parametrize("framed", [True, False])
@pytest.mark.parametrize(("fewest", "odd"), [(2, False), (2, True), (0, False), (0, True)])
def test_lists_of_a_vocabulary_read_as_they_were_written(fewest: int, odd: bool, framed: bool, tmp_path: Path) -> None:
    """By chunks of several sizes: with a fresh index, and with the kept one."""
    cells = lists(2600, fewest, odd=odd)
    frame = pd.DataFrame({"words": pd.Series(WORDS * 5, dtype=object)[:2600], "a": cells, "again": cells})
    (tmp_path / "table").write_bytes(pickle.dumps(frame) if framed else unframed(frame))

    for chunk in (77, 300, 1001):
        with open_table(tmp_path / "table", spool=tmp_path) as table:
            found = rows_of(table, chunk=chunk)
        assert [row["a"] for row in found] == cells
        assert [row["again"] for row in found] == cells


@pytest.mark.parametrize("size", [3, 250, 300, 70_000])
def test_texts_of_every_length_read_as_they_were_written(size: int, tmp_path: Path) -> None:
    rows = 40 if size > 1000 else 2100
    cells = [("é" if row % 50 == 7 else "e") * (size + row % 9) if row % 31 else None for row in range(rows)]
    frame = pd.DataFrame({"a": pd.Series(cells, dtype=object), "again": pd.Series(cells, dtype=object)})

    found = read_bytes(pickle.dumps(frame), tmp_path, chunk=77)

    assert [row["a"] for row in found] == cells
    assert [row["again"] for row in found] == cells
