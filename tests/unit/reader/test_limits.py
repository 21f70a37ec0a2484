"""Rejections say where and why, and every limit of the reader has a clear message."""

from __future__ import annotations

import pickle
from pathlib import Path

import pandas as pd
import pytest

from pc_worker.reader import Limits, Rejected, inspect_file, open_table
from tests.hostile.corpus import cell, pickled, stack_global, text
from tests.unit.reader.reading import read_bytes


def test_refusals_survive_a_process_boundary() -> None:
    error = Rejected("unsafe", "why", 12, "column", 3)

    again = pickle.loads(pickle.dumps(error))

    assert (str(again), again.offset, again.row) == ("unsafe: why (at byte 12, column column, row 3)", 12, 3)


def test_a_refusal_names_the_offset_and_the_name(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(pickled(b"](" + text("x") + stack_global("os", "system") + text("id") + b"\x85Re"))

    report = inspect_file(path, spool=tmp_path)

    assert report.error is not None
    assert "os.system" in report.verdict
    assert report.error.offset == 19


def test_a_shared_value_is_no_bomb_while_it_stays_small(tmp_path: Path) -> None:
    value = ["x", "y"]
    for _ in range(6):
        value = [value, value]  # type: ignore[list-item]  # nested on purpose

    rows = read_bytes(pickle.dumps([{"a": value}] * 3), tmp_path)

    assert rows[0]["a"] == value


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        pytest.param(Limits(rows=10), "rows", id="rows"),
        pytest.param(Limits(columns=1), "columns", id="columns"),
        pytest.param(Limits(file_bytes=100), "bytes", id="file"),
        pytest.param(Limits(memo=20), "memoizes", id="memo"),
        pytest.param(Limits(depth=3), "deep", id="depth"),
        pytest.param(Limits(opcodes=20), "opcodes", id="opcodes"),
        pytest.param(Limits(stack=100), "wait", id="stack"),
    ],
)
def test_every_limit_is_a_setting_that_refuses_clearly(limits: Limits, words: str, tmp_path: Path) -> None:
    path = tmp_path / "f.pkl"
    cells = [[[["deep" + str(n)]]] for n in range(3_000)]
    pd.DataFrame({"a": range(3_000), "b": cells, "c": pd.Series(map(str, range(3_000)), dtype=object)}).to_pickle(path)

    with pytest.raises(Rejected) as caught:
        open_table(path, spool=tmp_path, limits=limits)

    assert caught.value.kind == "over a limit"
    assert words in caught.value.reason


def test_a_cell_larger_than_its_limit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "f.pkl"
    path.write_bytes(cell(b"(" + text("x" * 250) * 1000 + b"t", before=60))

    with pytest.raises(Rejected, match="one cell holds more than 100000 bytes"):
        open_table(path, spool=tmp_path, limits=Limits(cell_bytes=100_000))
