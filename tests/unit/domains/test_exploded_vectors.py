"""Vectors that are spread over columns: shown by ``inspect``, used by a domain whose vectors come from the source."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pc_worker.domains import ColumnMapping, Dead, Options, Record, Skipped, check_options, get_domain
from pc_worker.errors import InvalidOption, SchemaMismatch
from pc_worker.reader import inspect_file
from pc_worker.reader.spread_vectors import exploded_columns
from tests.unit.domains.tables import DIMENSION, a_vector, clean_rows, recruit_row


def row(vector: Any, prefix: str = "e") -> dict[str, object]:
    """Return a row of recruit whose vector is spread over columns."""
    cells = recruit_row()
    del cells["skill_vector"]
    return {**cells, **{f"{prefix}{n}": number for n, number in enumerate(vector)}}


def test_columns_with_consecutive_numbers_are_one_vector() -> None:
    vector = a_vector()

    [record] = clean_rows("recruit", row(vector.tolist()), vector_column="e*")

    assert isinstance(record, Record)
    assert record.vector is not None
    assert np.array_equal(record.vector, vector)


def test_null_parts_are_a_null_vector_or_a_dead_row() -> None:
    some = [None, *a_vector().tolist()[1:]]

    outcomes = clean_rows("recruit", row([None] * DIMENSION), row(some), vector_column="e*")

    assert [type(outcome) for outcome in outcomes] == [Skipped, Dead]


def test_a_named_column_holds_the_vector() -> None:
    cells = recruit_row()
    cells["mine"] = cells.pop("skill_vector")

    [record] = clean_rows("recruit", cells, vector_column="mine")

    assert isinstance(record, Record)


@pytest.mark.parametrize(
    ("cells", "wanted", "words"),
    [
        (row(a_vector()[:100]), "e*", r'1536 numbers from the columns "e\*", and the file has 100 such columns'),
        (row(a_vector()), "f*", "no such columns with consecutive numbers"),
        (row(a_vector()), "mine", 'needs the column "mine"'),
    ],
    ids=["too few", "none", "no column"],
)
def test_what_does_not_fit_is_refused(cells: dict[str, object], wanted: str, words: str) -> None:
    with pytest.raises(SchemaMismatch, match=words):
        clean_rows("recruit", cells, vector_column=wanted)


def test_a_domain_that_embeds_text_has_no_use_for_it() -> None:
    with pytest.raises(InvalidOption, match="leave out --vector-column"):
        check_options(get_domain("document"), Options(vector_column="e*"))


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["e2", "e0", "e1", "x"], ("e0", "e1", "e2")),
        (["e1", "e2", "e3"], ("e1", "e2", "e3")),
        (["e0", "e2"], ()),
        (["e0"], ()),
        (["e0", "e1", "e01", "e1x", "ee2"], ("e0", "e1")),
    ],
)
def test_numbers_are_in_order_and_without_gaps(names: list[str], found: tuple[str, ...]) -> None:
    assert exploded_columns("e*", names) == found


def test_a_plan_without_them_is_written_as_the_version_before_reads_it() -> None:
    mapping = ColumnMapping(domain="recruit", source="s")

    assert "vector_parts" not in mapping.to_dict()
    parts = ColumnMapping(domain="recruit", source="s", vector_parts=("e0", "e1"))
    assert ColumnMapping.from_dict(parts.to_dict()) == parts


def test_inspect_names_them(tmp_path: Path) -> None:
    frame = pd.DataFrame(np.ones((3, 40)), columns=[f"emb_{n}" for n in range(40)])
    frame["n1"], frame["n2"], frame["text"] = 1.5, 2.5, "x"
    (tmp_path / "f").write_bytes(pickle.dumps(frame))

    report = inspect_file(tmp_path / "f", spool=tmp_path)

    assert report.to_dict()["exploded_vectors"] == {"emb_*": 40}
