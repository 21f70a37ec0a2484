"""Pandas before 0.25 is reported by name, not called unsafe; what only looks like an old pandas is unsafe."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from pc_worker.reader import Rejected, inspect_file, open_table
from tests.hostile.assembler import Call, Name, pickled

ARCHIVES = Path(__file__).parents[2] / "golden" / "archives"


@pytest.mark.parametrize(
    "former",
    [
        Name("pandas.indexes.base", "_new_Index"),
        Name("pandas.tslib", "Timestamp"),
        Name("pandas.core.panel", "Panel"),
        Name("pandas.core.sparse.frame", "SparseDataFrame"),
        Name("pandas.core.categorical", "Categorical"),
    ],
    ids=str,
)
def test_a_pandas_that_is_too_old_is_named_and_not_called_unsafe(former: Name, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(pickled(Call(former, (), {}, new=True)))

    with pytest.raises(
        Rejected, match=r"written by pandas before 0\.25.*load and save it with pandas ≥ 1\.5"
    ) as caught:
        open_table(tmp_path / "f", spool=tmp_path)

    assert caught.value.kind == "not a table"


@pytest.mark.parametrize(
    "hidden",
    [
        Name("pandas.tslib", "os.system"),
        Name("pandas.indexes.base", "sys"),
        Name("pandas.io.common", "urlopen"),
        Name("pandas.tslib.os", "Timestamp"),
    ],
    ids=str,
)
def test_what_only_looks_like_an_old_pandas_is_unsafe(hidden: Name, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(pickled(hidden("true")))

    with pytest.raises(Rejected) as caught:
        open_table(tmp_path / "f", spool=tmp_path)

    assert caught.value.kind == "unsafe"


PARTIAL, NEW_BLOCK = Name("functools", "partial"), Name("pandas.core.internals.blocks", "new_block")
STATE = (NEW_BLOCK, (), {"ndim": 2}, None)


@pytest.mark.parametrize(
    "attack",
    [
        pytest.param(PARTIAL(Name("os", "system")), id="another function"),
        pytest.param(PARTIAL(NEW_BLOCK, "true"), id="more arguments"),
        pytest.param(Call(PARTIAL(NEW_BLOCK), (1, 2)), id="called without a state"),
        pytest.param(
            Call(Call(PARTIAL, (NEW_BLOCK,), (PARTIAL, *STATE[1:])), (1, 2)), id="state with another function"
        ),
        pytest.param(Call(Call(PARTIAL, (NEW_BLOCK,), (NEW_BLOCK, (1,), {"ndim": 2}, None)), (1, 2)), id="arguments"),
        pytest.param(
            Call(Call(PARTIAL, (NEW_BLOCK,), (NEW_BLOCK, (), {"ndim": 2, "x": 1}, None)), (1, 2)), id="more names"
        ),
        pytest.param(Call(Call(PARTIAL, (NEW_BLOCK,), (*STATE[:3], {"func": 1})), (1, 2)), id="attributes"),
        pytest.param(Call(Call(PARTIAL, (NEW_BLOCK,), STATE), (1, 2, 3)), id="called with three"),
        pytest.param(NEW_BLOCK(1, 2), id="new_block itself with two"),
        pytest.param(Call(Name("pandas.tseries.offsets", "Day"), (), {"n": 1, "__class__": 1}, new=True), id="offset"),
    ],
)
def test_the_old_way_to_make_a_block_is_taken_for_nothing_else(attack: Call, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(pickled({"data_frame": attack}))

    with pytest.raises(Rejected):
        open_table(tmp_path / "f", spool=tmp_path)


def test_inspect_names_a_former_writer(tmp_path: Path) -> None:
    with tarfile.open(ARCHIVES / "former-pandas-1.1.5.tar.xz") as members:
        member = members.extractfile("mixed.p4.pkl")
        assert member is not None
        (tmp_path / "mixed.p4.pkl").write_bytes(member.read())

    assert inspect_file(tmp_path / "mixed.p4.pkl", spool=tmp_path).writer == "pandas before 1.4 with numpy 1"
