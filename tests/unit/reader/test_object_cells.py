"""Array cells of references, which long columns pass over by the form of the cells before them."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pc_worker.reader import Rejected, open_table
from tests.hostile.corpus import unframed
from tests.unit.reader.reading import read_bytes

WORDS = [f"skill {number}" for number in range(400)]


def cell(row: int) -> Any:
    """Return arrays of none, one and several shared words; some with a unique word, a null, or a list."""
    words: list[Any] = [WORDS[(row * 7 + k) % len(WORDS)] for k in range(row % 6)]
    if row % 97 == 0:
        words.append(f"only in row {row}")
    if row % 131 == 0:
        words.append(None)
    items = np.empty(len(words), dtype=object)
    items[:] = words
    return words if row % 211 == 0 else items


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("rows", [30, 1003, 2300])
def test_array_cells_of_shared_words_read_as_they_were_written(rows: int, protocol: int, tmp_path: Path) -> None:
    cells = [cell(row) for row in range(rows)]
    frame = pd.DataFrame({"a": cells, "n": range(rows), "again": cells})

    found = read_bytes(pickle.dumps(frame, protocol=protocol), tmp_path, chunk=77)

    expected = [[None if word is None else str(word) for word in words] for words in cells]
    assert [row["a"] for row in found] == expected
    assert [row["again"] for row in found] == expected


def test_a_name_among_the_words_of_a_late_cell_is_refused(tmp_path: Path) -> None:
    """The cell looks like its neighbours, but one of its references is to a name instead of a word."""
    data = unframed(pd.DataFrame({"a": [cell(row) for row in range(1, 3000)]}))
    index = _memo_index_of_ndarray(data)
    at = data.rindex(b"e" + b"t\x94b")
    broken = data[: at - 5] + b"j" + index.to_bytes(4, "little") + data[at:]
    path = tmp_path / "f"
    path.write_bytes(broken)

    with pytest.raises(Rejected):
        open_table(path, spool=tmp_path)


def _memo_index_of_ndarray(data: bytes) -> int:
    import pickletools

    made, last = 0, ""
    for opcode, argument, _ in pickletools.genops(data):
        if opcode.name == "MEMOIZE":
            if last == "STACK_GLOBAL":
                return made
            made += 1
        last = opcode.name if argument is None else str(argument)
    raise AssertionError("no name in the file")
