"""The hash by which unchanged rows are recognised: equal for equal cells, another one for anything that counts."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import numpy as np
import pytest

from pc_worker.domains import ColumnMapping, get_domain
from pc_worker.model import StoredRow
from pc_worker.reader.table import Batch, SparseCells
from pc_worker.services.ingest.rows.unchanged import (
    SameRowChanged,
    cell_hashes,
    check_same,
    find_same,
    is_same,
    stored_hash,
)

DOMAIN = get_domain("document")
MAPPING = ColumnMapping(domain="document", source="a.pkl", scope="a.pkl", key="id", text=("text",))
ROW: dict[str, object] = {"id": "a", "text": "some text", "v": np.array([1.5, 2.5], np.float32), "tags": ["x", "y"]}


def hashes(*rows: dict[str, object], mapping: ColumnMapping = MAPPING) -> list[bytes]:
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    found = cell_hashes(DOMAIN, mapping, Batch(7, columns, len(rows)))
    assert list(found) == list(range(7, 7 + len(rows)))
    return list(found.values())


def test_equal_cells_have_equal_hashes_whichever_objects_they_share() -> None:
    text = "".join(["some", " text"])
    shared = ROW | {"text": text, "tags": [text, text]}
    apart = ROW | {"text": "".join(["some", " text"]), "tags": ["some" + " text"[:5], "".join(["some text"])]}

    assert len({*hashes(shared, apart), *hashes(apart)}) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"text": "some text "},
        {"text": None},
        {"id": 1},
        {"id": 1.0},
        {"id": True},
        {"v": np.array([1.5, 2.5], np.float64)},
        {"v": np.array([1.5, 2.5000002], np.float32)},
        {"v": [1.5, 2.5]},
        {"v": np.array([[1.5, 2.5]], np.float32)},
        {"v": np.array([1.5, 2.5], object)},
        {"v": np.array([(1.5, 2.5)], "f4,f4")},
        {"v": np.array([1, 2], "datetime64[s]")},
        {"v": np.array([1.5, 2.5], np.float32).tobytes()},
        {"tags": ["y", "x"]},
        {"tags": "xy"},
    ],
    ids=str,
)
def test_any_change_of_a_cell_changes_the_hash(change: dict[str, object]) -> None:
    others: list[dict[str, object]] = [{"id": "1"}, {"id": 2}]
    assert len(set(hashes(ROW, ROW | change, *(ROW | other for other in others)))) == 4


def test_what_else_the_content_depends_on_changes_the_hash() -> None:
    renamed = {name.replace("tags", "marks"): cell for name, cell in ROW.items()}
    others = [
        hashes(ROW),
        hashes(renamed),
        hashes(ROW, mapping=replace(MAPPING, text=("text", "id"))),
        hashes(ROW, mapping=replace(MAPPING, key=None)),
        list(cell_hashes(replace(DOMAIN, revision=2), MAPPING, Batch(0, {n: [c] for n, c in ROW.items()}, 1)).values()),
    ]

    assert len({digest for (digest,) in others}) == len(others)
    assert hashes(ROW, mapping=replace(MAPPING, source="b.pkl", scope="b.pkl")) == hashes(ROW)


@pytest.mark.parametrize("cells", [[lambda: 1], SparseCells(1)], ids=["no form", "columns of each row's own"])
def test_cells_without_a_stable_form_have_no_hash(cells: list[object]) -> None:
    assert cell_hashes(DOMAIN, MAPPING, Batch(0, {"id": ["a"], "more": cells}, 1)) == {}


CELLS, CONTENT = bytes(range(16)), bytes(range(32))
STORED = StoredRow(job_seq=4, content_hash=CONTENT, embedded=True, cells_hash=stored_hash(CELLS, CONTENT))


@pytest.mark.parametrize(
    ("stored", "same"),
    [
        pytest.param(STORED, True, id="the same"),
        pytest.param(None, False, id="new or forgotten"),
        pytest.param(replace(STORED, cells_hash=None), False, id="not known"),
        pytest.param(replace(STORED, embedded=False), False, id="no vector of this model"),
        pytest.param(replace(STORED, job_seq=6), False, id="of a later job"),
        pytest.param(replace(STORED, content_hash=CONTENT[::-1]), False, id="other content since"),
        pytest.param(replace(STORED, cells_hash=stored_hash(CELLS[::-1], CONTENT)), False, id="other cells"),
    ],
)
def test_a_row_is_the_same_only_as_it_was_stored(stored: StoredRow | None, same: bool) -> None:
    row_id = UUID(int=1)
    rows = {} if stored is None else {row_id: stored}

    assert is_same(stored, CELLS, seq=5) is same
    assert not is_same(stored, None, seq=5)
    assert find_same({3: CELLS}, {3: row_id}, rows, seq=5).numbers == (frozenset({3}) if same else frozenset())
    if same:
        check_same({row_id: CELLS}, rows, seq=5)
    else:
        with pytest.raises(SameRowChanged):
            check_same({row_id: CELLS}, rows, seq=5)
